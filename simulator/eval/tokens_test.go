package eval

import (
	"testing"
	"time"

	"tortie/dataplane/nf"
)

// spend takes packets of a length at some seconds from a new bucket and says which
// were within the limit.
func spend(l limiter, length uint64, seconds ...float64) string {
	var b bucket
	out := ""
	for i, s := range seconds {
		now := time.Duration(s * float64(time.Second))
		if i == 0 {
			l.fill(&b, now)
		}
		if l.take(&b, length, now) {
			out += "y"
		} else {
			out += "n"
		}
	}
	return out
}

func TestLimiters_RefillWithTime(t *testing.T) {
	xt, _ := newXTLimit(nf.MatchLimit{Rate: 10, Unit: nf.PerMinute, Burst: 3})
	nft, _ := newNFTLimit(nf.MatchLimit{Rate: 10, Unit: nf.PerMinute, Burst: 3})
	hash, _ := newHashPackets(nf.MatchHashLimit{Rate: 10, Unit: nf.PerMinute, Burst: 3})
	for name, l := range map[string]limiter{"xt_limit": xt, "nft_limit": nft, "xt_hashlimit": hash} {
		// Three at once, then one every six seconds; after a pause three again.
		if got := spend(l, 40, 0, 0, 0, 0, 5.9, 6, 6, 12, 100, 100, 100, 100); got != "yyynnynyyyyn" {
			t.Errorf("%s: %s", name, got)
		}
	}
	bytes, _ := newHashBytes(nf.MatchHashLimit{Rate: 1024, Unit: nf.PerSecond, PerByte: true})
	// A packet of 300 bytes counts as 19 chunks of 16, of 64 in a second.
	if got := spend(bytes, 300, 0, 0, 0, 0, 0.1, 0.3, 1.3, 1.3, 1.3, 1.3); got != "yyynnyyyyn" {
		t.Errorf("bytes: %s", got)
	}
	burst, _ := newHashBytes(nf.MatchHashLimit{Rate: 1024, Unit: nf.PerSecond, PerByte: true, Burst: 2048})
	if got := spend(burst, 1024, 0, 0, 0, 0, 0.1); got != "yyynn" {
		t.Errorf("bytes with a burst: %s", got)
	}
	rate, _ := newHashRate(nf.MatchHashLimit{Rate: 2, Unit: nf.PerSecond, Burst: 1, RateInterval: 2})
	// Up to three in a window; a window after one with more than two a second has none.
	if got := spend(rate, 40, 0, 0, 0, 0, 0, 2, 2, 4, 4, 4, 4); got != "yyynnnnyyyn" {
		t.Errorf("rate match: %s", got)
	}
}

// What the kernel refuses to load is not guessed at.
func TestLimiters_Overflow(t *testing.T) {
	if _, ok := newXTLimit(nf.MatchLimit{Rate: 1, Unit: nf.PerDay, Burst: 5}); ok {
		t.Error("-m limit --limit 1/day --limit-burst 5 overflows")
	}
	if _, ok := newXTLimit(nf.MatchLimit{Rate: 100, Unit: nf.PerDay, Burst: 5}); !ok {
		t.Error("-m limit --limit 100/day --limit-burst 5 does not overflow")
	}
	if _, ok := newHashPackets(nf.MatchHashLimit{Rate: 1, Unit: nf.PerDay, Burst: 5}); ok {
		t.Error("--hashlimit-upto 1/day --hashlimit-burst 5 overflows")
	}
	if _, ok := newHashBytes(nf.MatchHashLimit{Rate: 1024, Unit: nf.PerSecond, PerByte: true, Burst: 100}); ok {
		t.Error("a burst below the rate is refused by iptables")
	}
}

// A group ends when it was idle for its time; between that and the kernel's next
// look nobody knows.
func TestHashLimit_GroupsEnd(t *testing.T) {
	settings, ok := newHashTable(nf.MatchHashLimit{Name: "h", Rate: 6, Unit: nf.PerMinute, Burst: 10, Expire: 5000})
	if !ok {
		t.Fatal("not loaded")
	}
	take := func(s *State, at float64) Truth {
		within, _ := s.hashTake(hashName{name: "h"}, &settings, [4]value{}, 40, time.Duration(at*float64(time.Second)))
		return within
	}
	for _, c := range []struct {
		at   float64
		want Truth
	}{{4.9, No}, {5.5, Unknown3}, {6, Yes}} {
		s := &State{}
		for range 10 {
			if take(s, 0) != Yes {
				t.Fatal("a new group is not full")
			}
		}
		if got := take(s, c.at); got != c.want {
			t.Errorf("after %g seconds: %d, want %d", c.at, got, c.want)
		}
	}
}
