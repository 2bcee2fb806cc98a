package collections_test

import (
	"errors"
	"testing"
	"time"

	"ackbase/collections"
)

func TestParseKeep(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]collections.Keep{
		"30d":          {Age: 30 * day},
		"12h":          {Age: 12 * time.Hour},
		"1h30m":        {Age: 90 * time.Minute},
		"1000000":      {Changes: 1_000_000},
		"30d,1000000":  {Age: 30 * day, Changes: 1_000_000},
		" 100 , 365d ": {Age: 365 * day, Changes: 100},
		"all":          collections.KeepAll,
	} {
		got, err := collections.ParseKeep(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
			continue
		}
		if again, err := collections.ParseKeep(got.String()); err != nil || again != got {
			t.Errorf("%q is told as %q, which is read as %+v, %v", text, got, again, err)
		}
	}
	if got := (collections.Keep{}).String(); got != "30d,10000000" {
		t.Errorf("the default is told as %q", got)
	}
	for _, text := range []string{"", "0", "-5", "-1d", "0d", "30x", "d", "30d,", "30d,12h", "5,6", "all,5", "30d 5", "99999999999d", "1e6"} {
		if k, err := collections.ParseKeep(text); !errors.Is(err, collections.ErrBadRequest) {
			t.Errorf("%q: %+v, %v; want an ErrBadRequest", text, k, err)
		}
	}
}
