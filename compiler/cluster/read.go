package cluster

import "tortie/compiler/diag"

// Read reads files into a snapshot. What cannot be read is reported, and the
// rest is read; the snapshot is never nil.
func Read(files []File, opt Options) (*Snapshot, diag.List) {
	return &Snapshot{}, nil
}

// Model derives what Felix would be told. Findings are about objects that cannot
// be converted, which are then left out or cut down as libcalico-go does.
func (s *Snapshot) Model() (*Model, diag.List) {
	return &Model{}, nil
}
