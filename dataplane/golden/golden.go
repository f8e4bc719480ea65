// Package golden compares a test's output with a file of expected output, and
// rewrites the file when TORTIE_UPDATE=1 is set (make golden). For tests only.
package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// Update reports whether expected outputs are to be rewritten.
func Update() bool { return os.Getenv("TORTIE_UPDATE") == "1" }

// Check fails the test when got differs from the file at path, and writes the
// file instead when Update is on.
func Check(t testing.TB, path string, got []byte) {
	t.Helper()
	if Update() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if old, err := os.ReadFile(path); err == nil && string(old) == string(got) {
			return
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("wrote %s", path)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make golden writes it)", err)
	}
	if string(want) != string(got) {
		t.Errorf("output differs from %s (make golden rewrites it)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
