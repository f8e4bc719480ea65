package felix

import "tortie/compiler/resolve"

// VerdictMarks are the bits by which rules of policies say allow, pass and deny.
type VerdictMarks struct{ Accept, Pass, Drop uint32 }

// MarksOf returns the bits that Felix allocates with these settings.
func MarksOf(s *resolve.Settings) VerdictMarks {
	m, _ := allocateMarks(s)
	return VerdictMarks{Accept: m.accept, Pass: m.pass, Drop: m.drop}
}
