package calico

import (
	"fmt"
	"strings"
)

// UnmarshalJSON takes a boolean, or one as a string.
func (b *BoolStr) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "true":
		*b = true
	case "false", "", "null":
		*b = false
	default:
		return fmt.Errorf("expected true or false")
	}
	return nil
}
