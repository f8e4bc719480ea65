package trace

// painter colours text for a terminal; the zero value leaves it plain.
type painter struct{ on bool }

func (p painter) with(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p painter) bold(s string) string { return p.with("1", s) }
func (p painter) dim(s string) string  { return p.with("2", s) }

// verdict paints s as the verdict wants: green, red, or yellow for what is not
// known.
func (p painter) verdict(v Verdict, s string) string {
	switch v {
	case Allow:
		return p.with("1;32", s)
	case Deny, Reject:
		return p.with("1;31", s)
	}
	return p.with("1;33", s)
}
