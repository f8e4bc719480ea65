package resolve

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed settings.txt
var settingsText string

var settingNames = func() (names []string) {
	for line := range strings.Lines(settingsText) {
		if !strings.HasPrefix(line, "#") {
			names = append(names, strings.TrimSpace(line))
		}
	}
	return names
}()

// SettingNames are the names of all of Felix's settings, in lower case and in order,
// those that decide no rules included. Felix ignores a variable of another name.
func SettingNames() []string { return slices.Clone(settingNames) }
