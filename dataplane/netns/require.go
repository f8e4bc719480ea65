package netns

import (
	"os"
	"os/exec"
	"testing"
)

// RequireEnv names the environment variable that, set to 1, makes a missing
// kernel test environment a failure instead of a skip.
const RequireEnv = "TORTIE_REQUIRE_KERNEL"

// Require skips the test when namespaces cannot be made here (that takes root)
// or one of the tools is missing; with TORTIE_REQUIRE_KERNEL=1 it fails instead.
func Require(t testing.TB, tools ...string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv(RequireEnv) == "1" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if os.Geteuid() != 0 {
		missing("needs root to make network namespaces")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing("needs %s: %v", tool, err)
		}
	}
	ns, err := New()
	if err != nil {
		missing("%v", err)
		return
	}
	ns.Close()
}

// ForTest makes a namespace that is closed when the test ends.
func ForTest(t testing.TB) *NS {
	t.Helper()
	ns, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}
