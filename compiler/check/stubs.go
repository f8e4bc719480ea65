package check

var hostWarningDocs, deadDocs, matchDocs, felixWarningDocs, kindDocs, oddDocs []Entry

func (r *run) warnings() {}
