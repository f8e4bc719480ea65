// Package tortie holds the tests of the module's architecture; see ARCHITECTURE.md.
package tortie
