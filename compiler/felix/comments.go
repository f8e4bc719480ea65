package felix

import (
	"strings"

	"tortie/compiler/resolve"
)

const (
	// maxIptablesComment is the room of one comment in iptables, in bytes.
	maxIptablesComment = 256
	// maxNFTComment is the room of all comments of a rule in nftables, in bytes.
	maxNFTComment = 128
	// hashComment is the length of what Felix puts before them: cali:, the hash
	// of the rule in 16 letters, and a semicolon.
	hashComment = len("cali:") + 16 + len(";")
)

// annotationNotes are the comments that a rule's metadata become.
func annotationNotes(list []resolve.Annotation) []string {
	var out []string
	for _, a := range list {
		out = append(out, strings.Map(commentSafe, a.Key+"="+a.Value))
	}
	return out
}

// commentSafe replaces what Felix does not let into a comment.
func commentSafe(c rune) rune {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("_ @%+=:,./-", c):
		return c
	}
	return '_'
}

// iptablesComments cuts each comment to its room (felix/iptables/renderer.go).
func iptablesComments(notes []string) []string {
	var out []string
	for _, n := range notes {
		out = append(out, n[:min(len(n), maxIptablesComment)])
	}
	return out
}

// nftComments is the one comment of an nftables rule: all share its room evenly,
// beside the hash that Felix writes first (felix/nftables/renderer.go).
func nftComments(notes []string) []string {
	if len(notes) == 0 {
		return nil
	}
	each := (maxNFTComment - hashComment) / len(notes)
	var parts []string
	for _, n := range notes {
		parts = append(parts, n[:min(len(n), each)])
	}
	all := strings.Join(parts, " ")
	return []string{all[:min(len(all), maxNFTComment-hashComment-1)]}
}
