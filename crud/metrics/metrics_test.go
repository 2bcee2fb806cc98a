package metrics

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/server"
)

// sources are those of a server on which nobody is.
func sources(t *testing.T) *Sources {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	verbs := crud.New(collections.New(store, nil), nil)
	streams := rest.New(verbs, nil)
	t.Cleanup(func() {
		verbs.Close()
		streams.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Sources{Sockets: server.New(nil), Verbs: verbs, Streams: streams, Store: store}
}

// TestLint holds the names, units and helps against the rules of Prometheus.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(registry(sources(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestHistograms: each bucket contains those below it, and what is over the last bound is in the count alone.
func TestHistograms(t *testing.T) {
	var h crud.Histogram
	h.Counts[0], h.Counts[2], h.Counts[len(crud.Bounds)] = 3, 4, 5
	h.Sum = 90 * time.Second
	sizes := bolt.Stats{Updates: 77, Sizes: bolt.Sizes{0: 7, 6: 2}}
	for _, c := range []struct {
		metric  prometheus.Metric
		count   uint64
		sum     float64
		buckets map[float64]uint64 // some of them
	}{
		{latency("GET", h), 12, 90, map[float64]uint64{5e-6: 3, 10e-6: 3, 25e-6: 7, 50e-6: 7, 5: 7}},
		{commitSizes(&sizes), 9, 77, map[float64]uint64{1: 7, 32: 7, 64: 9, 1024: 9}},
	} {
		var told dto.Metric
		if err := c.metric.Write(&told); err != nil {
			t.Fatal(err)
		}
		got := told.GetHistogram()
		if got.GetSampleCount() != c.count || got.GetSampleSum() != c.sum {
			t.Errorf("%d samples of %v in all, want %d of %v", got.GetSampleCount(), got.GetSampleSum(), c.count, c.sum)
		}
		seen := 0
		for _, b := range got.Bucket {
			want, ok := c.buckets[b.GetUpperBound()]
			if ok {
				seen++
			}
			if ok && b.GetCumulativeCount() != want {
				t.Errorf("up to %v: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
			}
		}
		if seen != len(c.buckets) {
			t.Errorf("%d of %d buckets are there", seen, len(c.buckets))
		}
	}
}
