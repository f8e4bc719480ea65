package nf

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Every statement kind seals itself here, and registers for JSON and for the
// tests that count coverage.

func (MatchProto) stmt()      {}
func (MatchProto) match()     {}
func (MatchAddr) stmt()       {}
func (MatchAddr) match()      {}
func (MatchIface) stmt()      {}
func (MatchIface) match()     {}
func (MatchFragment) stmt()   {}
func (MatchFragment) match()  {}
func (MatchL4) stmt()         {}
func (MatchL4) match()        {}
func (MatchMultiport) stmt()  {}
func (MatchMultiport) match() {}
func (MatchICMP) stmt()       {}
func (MatchICMP) match()      {}
func (MatchMark) stmt()       {}
func (MatchMark) match()      {}
func (MatchConnmark) stmt()   {}
func (MatchConnmark) match()  {}
func (MatchConntrack) stmt()  {}
func (MatchConntrack) match() {}
func (MatchSet) stmt()        {}
func (MatchSet) match()       {}
func (MatchAddrType) stmt()   {}
func (MatchAddrType) match()  {}
func (MatchRPFilter) stmt()   {}
func (MatchRPFilter) match()  {}
func (MatchStatistic) stmt()  {}
func (MatchStatistic) match() {}
func (MatchLimit) stmt()      {}
func (MatchLimit) match()     {}
func (MatchHashLimit) stmt()  {}
func (MatchHashLimit) match() {}
func (MatchConnLimit) stmt()  {}
func (MatchConnLimit) match() {}
func (MatchRecent) stmt()     {}
func (MatchRecent) match()    {}
func (MatchNFAcct) stmt()     {}
func (MatchNFAcct) match()    {}
func (MatchIPRange) stmt()    {}
func (MatchIPRange) match()   {}
func (MatchPktType) stmt()    {}
func (MatchPktType) match()   {}
func (MatchTTL) stmt()        {}
func (MatchTTL) match()       {}
func (MatchDSCP) stmt()       {}
func (MatchDSCP) match()      {}
func (MatchLength) stmt()     {}
func (MatchLength) match()    {}
func (MatchPhysdev) stmt()    {}
func (MatchPhysdev) match()   {}
func (MatchIPVS) stmt()       {}
func (MatchIPVS) match()      {}
func (OpaqueMatch) stmt()     {}
func (OpaqueMatch) match()    {}
func (MatchCompare) stmt()    {}
func (MatchCompare) match()   {}
func (MatchLookup) stmt()     {}
func (MatchLookup) match()    {}

func (Accept) stmt()         {}
func (Accept) target()       {}
func (Drop) stmt()           {}
func (Drop) target()         {}
func (Return) stmt()         {}
func (Return) target()       {}
func (Continue) stmt()       {}
func (Continue) target()     {}
func (Jump) stmt()           {}
func (Jump) target()         {}
func (Goto) stmt()           {}
func (Goto) target()         {}
func (VMap) stmt()           {}
func (VMap) target()         {}
func (Reject) stmt()         {}
func (Reject) target()       {}
func (SetMark) stmt()        {}
func (SetMark) target()      {}
func (SetCtMark) stmt()      {}
func (SetCtMark) target()    {}
func (NoTrack) stmt()        {}
func (NoTrack) target()      {}
func (Log) stmt()            {}
func (Log) target()          {}
func (NFLog) stmt()          {}
func (NFLog) target()        {}
func (NAT) stmt()            {}
func (NAT) target()          {}
func (SetDSCP) stmt()        {}
func (SetDSCP) target()      {}
func (SetElement) stmt()     {}
func (SetElement) target()   {}
func (Counter) stmt()        {}
func (Counter) target()      {}
func (Inert) stmt()          {}
func (Inert) target()        {}
func (OpaqueTarget) stmt()   {}
func (OpaqueTarget) target() {}

// kinds lists one zero value of every statement kind.
var kinds = []Stmt{
	MatchProto{},
	MatchAddr{},
	MatchIface{},
	MatchFragment{},
	MatchL4{},
	MatchMultiport{},
	MatchICMP{},
	MatchMark{},
	MatchConnmark{},
	MatchConntrack{},
	MatchSet{},
	MatchAddrType{},
	MatchRPFilter{},
	MatchStatistic{},
	MatchLimit{},
	MatchHashLimit{},
	MatchConnLimit{},
	MatchRecent{},
	MatchNFAcct{},
	MatchIPRange{},
	MatchPktType{},
	MatchTTL{},
	MatchDSCP{},
	MatchLength{},
	MatchPhysdev{},
	MatchIPVS{},
	OpaqueMatch{},
	MatchCompare{},
	MatchLookup{},
	Accept{},
	Drop{},
	Return{},
	Continue{},
	Jump{},
	Goto{},
	VMap{},
	Reject{},
	SetMark{},
	SetCtMark{},
	NoTrack{},
	Log{},
	NFLog{},
	NAT{},
	SetDSCP{},
	SetElement{},
	Counter{},
	Inert{},
	OpaqueTarget{},
}

// Kinds returns one zero value of every statement kind, matches first. Tests use
// it to show that a codec or an evaluation leaves none out.
func Kinds() []Stmt { return append([]Stmt(nil), kinds...) }

// KindName returns the name of a statement's kind: "MatchMark", "Accept".
func KindName(s Stmt) string { return reflect.TypeOf(s).Name() }

var kindByName = func() map[string]reflect.Type {
	m := make(map[string]reflect.Type, len(kinds))
	for _, k := range kinds {
		m[KindName(k)] = reflect.TypeOf(k)
	}
	return m
}()

// MarshalJSON writes the rule with each statement as {"Kind": {…}}.
func (r Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	body := make([]map[string]Stmt, len(r.Body))
	for i, s := range r.Body {
		body[i] = map[string]Stmt{KindName(s): s}
	}
	return json.Marshal(struct {
		Body []map[string]Stmt
		plain
	}{body, plain(r)})
}

// UnmarshalJSON reads what MarshalJSON writes; an unknown kind is an error.
func (r *Rule) UnmarshalJSON(data []byte) error {
	type plain Rule
	in := struct {
		Body []map[string]json.RawMessage
		*plain
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	r.Body = nil
	for _, one := range in.Body {
		for name, raw := range one {
			t, ok := kindByName[name]
			if !ok {
				return fmt.Errorf("nf: unknown statement kind %q", name)
			}
			v := reflect.New(t)
			if err := json.Unmarshal(raw, v.Interface()); err != nil {
				return err
			}
			r.Body = append(r.Body, v.Elem().Interface().(Stmt))
		}
	}
	return nil
}
