package console

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ackbase/crud"
)

// counting makes samples of a process that does n reads more in the n-th second.
func counting() (take func() sample, taken *atomic.Int64) {
	taken = new(atomic.Int64)
	return func() sample {
		n := uint64(taken.Add(1))
		return sample{at: time.Now(), reads: n * (n + 1) / 2}
	}, taken
}

// TestSamplingLastsAsLongAsSomebodyAsks: nothing is measured before the first question, and
// nothing any more a while after the last one.
func TestSamplingLastsAsLongAsSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take, taken := counting()
		s := newSeries(take)
		defer s.close()
		time.Sleep(time.Hour)
		if taken.Load() != 0 {
			t.Fatalf("%d samples were taken though nobody asked", taken.Load())
		}
		s.since(time.Time{})
		time.Sleep(10*interval + interval/2)
		if list, _ := s.since(time.Time{}); len(list) != 11 || taken.Load() != 11 {
			t.Errorf("after ten seconds there are %d samples, %d were taken; want 11", len(list), taken.Load())
		}
		time.Sleep(keepSampling + 2*interval)
		most := taken.Load()
		time.Sleep(time.Hour)
		if taken.Load() != most {
			t.Errorf("%d samples were taken after nobody had asked for a while", taken.Load()-most)
		}
		synctest.Wait()
		s.mu.Lock()
		if len(s.samples) > 0 {
			t.Errorf("%d samples are kept that nobody wants", len(s.samples))
		}
		s.mu.Unlock()
		list, from := s.since(time.Time{})
		if len(list) != 1 || from != 0 {
			t.Errorf("asked anew, it begins with %d samples from %d; want one, of now", len(list), from)
		}
		time.Sleep(interval + interval/2)
		if list, _ := s.since(time.Time{}); len(list) != 2 {
			t.Errorf("asked anew, a second later there are %d samples, want 2", len(list))
		}
	})
}

// TestSamplesAreBounded, and each is told once to who asks for what is new.
func TestSamplesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take, _ := counting()
		s := newSeries(take)
		defer s.close()
		var after time.Time
		told := 0
		for range 3 * maxSamples / 7 {
			time.Sleep(7 * interval)
			list, from := s.since(after)
			for _, one := range list[from:] {
				if !one.at.After(after) {
					t.Fatalf("the sample of %v came twice, or out of order", one.at)
				}
				after = one.at
				told++
			}
			if from > window {
				t.Fatalf("%d samples from before came along, want %d at the most", from, window)
			}
		}
		if want := 3*maxSamples/7*7 - 7; told < want-1 || told > want+1 {
			t.Errorf("%d samples were told, want about %d: one each second since the first question", told, want)
		}
		synctest.Wait()
		s.mu.Lock()
		if len(s.samples) != maxSamples+window || cap(s.samples) > 3*maxSamples {
			t.Errorf("%d samples are kept, in room for %d; want %d", len(s.samples), cap(s.samples), maxSamples+window)
		}
		s.mu.Unlock()
	})
}

// TestCloseEndsTheSampling: synctest would complain of a goroutine that is left.
func TestCloseEndsTheSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take, taken := counting()
		s := newSeries(take)
		s.since(time.Time{})
		s.close()
		s.since(time.Time{})
		time.Sleep(time.Minute)
		if taken.Load() != 1 {
			t.Errorf("%d samples were taken, want the one before the end", taken.Load())
		}
	})
}

func TestRow(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	list := []sample{
		{at: at, reads: 10, events: 5},
		{at: at.Add(2 * time.Second), reads: 30, events: 4, heap: 7, connections: 3}, // counts are never less, but if they were
	}
	got := map[string]float64{}
	for i, v := range row(list, 1) {
		if v != nil {
			got[columns[i]] = *v
		}
	}
	for name, want := range map[string]float64{"time": 1_700_000_002_000, "reads": 10, "writes": 0, "events": 0, "heap": 7, "connections": 3} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%t), want %v", name, v, ok, want)
		}
	}
	if len(row(list, 1)) != len(columns) {
		t.Errorf("a row has %d values for %d columns", len(row(list, 1)), len(columns))
	}
	for _, name := range []string{"readP50", "writeP99"} {
		if v, ok := got[name]; ok {
			t.Errorf("without requests %s is %v, want none", name, v)
		}
	}
}

func TestQuantile(t *testing.T) {
	var before, now crud.Histogram
	for i := range before.Counts {
		before.Counts[i] = 1000 // what was is not counted
		now.Counts[i] = 1000
	}
	now.Counts[3] += 90 // over 25 and up to 50 µs
	now.Counts[7] += 10 // over 500 µs and up to 1 ms
	now.Counts[11] += 0 // none
	before.Counts[12]++ // counted while the others were read: not less than none
	within := func(q, low, high float64) {
		t.Helper()
		v := quantile(&now, &before, q)
		if v == nil {
			t.Errorf("there is no quantile %v", q)
		} else if *v < low || *v > high {
			t.Errorf("the quantile %v is %v ms, want it from %v to %v", q, *v, low, high)
		}
	}
	within(0.5, 0.025, 0.050)
	within(0.85, 0.025, 0.050)
	within(0.99, 0.5, 1)
	if v := quantile(&before, &before, 0.5); v != nil {
		t.Errorf("of no requests it is %v", *v)
	}
	last := len(now.Counts) - 1
	now.Counts[last] += 1_000_000
	if v := quantile(&now, &before, 0.99); v == nil || *v != 5000 {
		t.Errorf("beyond the last bound it is %v, want that bound", v)
	}
}
