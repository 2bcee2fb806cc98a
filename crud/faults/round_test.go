package faults

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestRounds plays rounds, each on a server of its own. doc.go says what must hold.
func TestRounds(t *testing.T) {
	began := time.Now()
	var faults, done counts
	n, first := *rounds, rand.Uint64()%1e9
	if *seed != 0 {
		n, first = 1, *seed
	}
	for i := range uint64(n) {
		r := &round{seed: first + i}
		t.Run(fmt.Sprintf("seed=%d", r.seed), func(t *testing.T) {
			if err := r.play(t); err != nil {
				t.Errorf("%v\nThe round can be played again with -seed %d; what was seen of it is in %s", err, r.seed, r.keep(t))
			}
		})
		faults.all(&r.faults)
		done.all(&r.done)
		if t.Failed() {
			break
		}
	}
	t.Logf("%d rounds in %v\nfaults: %v\ndone: %v", n, time.Since(began).Round(time.Second), &faults, &done)
}

// round is one round. Its clients share it.
type round struct {
	seed    uint64
	began   time.Time
	process *process
	ledger  ledger
	history history
	faults  counts
	done    counts

	listeners []listener
	stored    *database // once the process has ended
	hung      []byte    // what the test's own goroutines did when something that was due did not come
}

// now is the time that histories count in.
func (r *round) now() int64 { return int64(time.Since(r.began)) }

// pace lets a client rest between two calls, and tells whether it is to go on.
func (r *round) pace(ctx context.Context, rng *rand.Rand) bool {
	most := 50 * time.Millisecond
	if raceEnabled {
		most *= 4
	}
	return wait(ctx, between(rng, time.Millisecond, most))
}

// recovery counts how a stock client came back.
func (r *round) recovery(recovered bool) {
	if recovered {
		r.done.add("stock clients recovered", 1)
	} else {
		r.done.add("stock clients not recovered", 1)
	}
}

func (r *round) play(t *testing.T) error {
	r.began = time.Now()
	rng := rand.New(rand.NewPCG(r.seed, 0))
	r.process = newProcess(t, filepath.Join(t.TempDir(), "faults.db"), "--log-level", "error", "--index", "goods.bucket",
		"--keep-changes", fmt.Sprintf("%s=%d", bulletins, bulletinsKept),
		"--ping-interval", "1s", "--ping-timeout", "1s", "--stall-timeout", "3s", "--bookmark", "1s", "--high-water", "32KB")
	all, endAll := context.WithTimeout(t.Context(), 2*patience+*length)
	defer endAll()
	direct := newRestCaller(r.process.url)
	defer direct.leave()
	if err := r.stock(all, direct); err != nil {
		return err
	}
	from, err := r.firstCursor()
	if err != nil {
		return err
	}

	net := newNetwork(t, r.process, 5)
	url := func() string { // some clients have no trouble but the server's
		if i := rng.IntN(len(net.lines) + 1); i < len(net.lines) {
			return net.lines[i].url
		}
		return r.process.url
	}
	workers := r.workers(rng, url)
	r.listeners = r.audience(max(0, *clients-len(workers)), url)
	r.done.add("clients", len(workers)+len(r.listeners))
	listening, endListening := context.WithCancel(all)
	var ears sync.WaitGroup
	defer ears.Wait()
	defer endListening()
	for _, l := range r.listeners {
		ears.Go(func() { r.attend(listening, l) })
	}
	if err := r.await(all, func(*stream) uint64 { return 1 }); err != nil {
		return err
	}

	// Work and faults.
	working, endWork := context.WithTimeout(all, *length)
	defer endWork()
	var hands, trouble sync.WaitGroup
	for _, w := range workers {
		hands.Go(func() { w(working, all) })
	}
	errs := make(chan error, len(net.lines)+1)
	for _, l := range net.lines {
		own := rand.New(rand.NewPCG(r.seed, rng.Uint64()))
		trouble.Go(func() { errs <- endOn(r.troubleLine(working, l, own), endAll) })
	}
	own := rand.New(rand.NewPCG(r.seed, rng.Uint64()))
	trouble.Go(func() { errs <- endOn(r.troubleProcess(working, own), endAll) })
	trouble.Wait()
	hands.Wait()
	for range cap(errs) {
		if err := <-errs; err != nil {
			endAll()
			return err
		}
	}
	if all.Err() != nil {
		return fmt.Errorf("the writers were not answered within %v after the faults had ended", 2*patience)
	}

	// A last change for everybody, and then all must have been told.
	if err := r.lastWords(all, direct); err != nil {
		return err
	}
	told, err := r.tellAll(all, from)
	if err != nil {
		return err
	}
	posted, err := r.ledger.posted()
	if err != nil {
		return err
	}
	told = append(told, posted...)
	if err := r.await(all, func(s *stream) uint64 {
		if due := s.due(told, 0); len(due) > 0 {
			return due[len(due)-1].Seq
		}
		return 0
	}); err != nil {
		return err
	}
	endListening()
	ears.Wait()
	if err := r.process.term(); err != nil {
		return err
	}
	return errors.Join(r.verify(t, told), r.process.alarming())
}

// endOn calls end where there is an error, which it returns.
func endOn(err error, end func()) error {
	if err != nil {
		end()
	}
	return err
}

// stock lays out what must be there from the start.
func (r *round) stock(ctx context.Context, direct caller) error {
	put := func(collection string, id int, item content) error {
		item.Op = fmt.Sprintf("stock-%s-%d", collection, id)
		return r.put(ctx, direct, item.Op, collection, fmt.Sprint(id), item)
	}
	for id := range shelves {
		if err := put(goods, 1+id, content{Bucket: 1 + id%buckets}); err != nil {
			return err
		}
	}
	for id := range boards {
		if err := put(bulletins, 1+id, content{}); err != nil {
			return err
		}
	}
	for id := range customers {
		balance := deposit
		if err := put(accounts, 1+id, content{Balance: &balance}); err != nil {
			return err
		}
	}
	return nil
}

// put writes an item, whose id is JSON, without any trouble.
func (r *round) put(ctx context.Context, direct caller, op, collection, id string, item content) error {
	var text any = json.Number(id)
	if id[0] == '"' {
		text = id[1 : len(id)-1]
	}
	w := &write{Op: op, Verb: "PUT", Collection: collection, ID: id, Changes: 1}
	r.ledger.perform(ctx, direct, []*write{w}, []*request{{verb: "PUT", collection: collection, id: text, body: item, reason: op, key: op}})
	if w.Outcome != acked {
		return fmt.Errorf("without any fault about, PUT %s/%s was %s: %s", collection, id, w.Outcome, w.Fault)
	}
	return nil
}

// firstCursor is the place after the first change.
func (r *round) firstCursor() (string, error) {
	first := r.ledger.writes[0].Cursor
	if seq, err := place(first); err != nil || seq != 1 {
		return "", fmt.Errorf("the first write was answered with the cursor %q (%w)", first, err)
	}
	return first, nil
}

// workers are the clients that write.
func (r *round) workers(rng *rand.Rand, url func() string) (list []func(working, all context.Context)) {
	socket := func(polling bool) func() caller {
		return func() caller { return &socketCaller{url: url(), polling: polling} }
	}
	webSocket, polling, rest := socket(false), socket(true), func() caller { return newRestCaller(url()) }
	own := func() *rand.Rand { return rand.New(rand.NewPCG(r.seed, rng.Uint64())) }
	for _, kind := range []struct {
		name   string
		n      int
		caller func() caller
		keyed  bool
	}{
		{"ws", 6, webSocket, true}, {"polling", 2, polling, true}, {"rest", 3, rest, true},
		{"ws-once", 2, webSocket, false}, {"polling-once", 1, polling, false}, {"rest-once", 1, rest, false},
	} {
		for i := range kind.n {
			w := &writer{round: r, caller: kind.caller(), name: fmt.Sprintf("%s-%d", kind.name, i), keyed: kind.keyed, rng: own()}
			list = append(list, w.run)
		}
	}
	for i, caller := range []func() caller{webSocket, polling, rest} {
		m := &mover{round: r, caller: caller(), name: fmt.Sprintf("mover-%d", i), rng: own()}
		list = append(list, m.run)
	}
	p := &poster{round: r, caller: &socketCaller{url: r.process.url}, rng: own()}
	list = append(list, p.run)
	for i, caller := range []func() caller{webSocket, webSocket, webSocket, polling, rest, rest} {
		a := &accessor{round: r, caller: caller(), n: i, name: fmt.Sprintf("accessor-%d", i), rng: own(), known: map[string]known{}}
		list = append(list, a.run)
	}
	return list
}

// audience is n clients that listen, in every way.
func (r *round) audience(n int, url func() string) (list []listener) {
	whole, patches, item := topic{goods, "", noBucket, false}, topic{goods, "", noBucket, true}, topic{goods, "7", noBucket, false}
	filter, filtered := topic{goods, "", 2, false}, topic{goods, "", 3, true}
	news, newsPatches := topic{bulletins, "", noBucket, false}, topic{bulletins, "", noBucket, true}
	money, states, register := topic{accounts, "", noBucket, false}, topic{registers, "", noBucket, true}, topic{registers, `"first"`, noBucket, false}
	listen := func(name string, kind func(streams []*stream) listener, topics ...topic) {
		if len(list) >= n {
			return
		}
		var own []*stream
		for _, t := range topics {
			own = append(own, &stream{topic: t, who: fmt.Sprintf("%s %d: %+v", name, len(list), t)})
		}
		list = append(list, kind(own))
	}
	socket := func(polling bool) func([]*stream) listener {
		return func(s []*stream) listener { return &socketListener{url: url(), polling: polling, streams: s} }
	}
	stock := func(polling bool) func([]*stream) listener {
		return func(s []*stream) listener {
			return &stockListener{socketListener: socketListener{url: url(), polling: polling, streams: s}, round: r}
		}
	}
	feed := func(plain bool) func([]*stream) listener {
		return func(s []*stream) listener {
			return &feedListener{url: url(), http: newHTTP(0), stream: s[0], plain: plain}
		}
	}
	for len(list) < n {
		listen("WebSocket", socket(false), whole)
		listen("WebSocket", socket(false), patches)
		listen("WebSocket", socket(false), item)
		listen("WebSocket", socket(false), filter)
		listen("WebSocket", socket(false), filtered)
		listen("WebSocket", socket(false), filter, money, register)
		listen("WebSocket", socket(false), money, states, item)
		listen("WebSocket", socket(false), newsPatches)
		listen("WebSocket", socket(false), news, item)
		listen("polling", socket(true), newsPatches)
		listen("server-sent events", feed(false), newsPatches)
		listen("plain WebSocket", feed(true), news)
		listen("stock WebSocket", stock(false), whole)
		listen("stock WebSocket", stock(false), item)
		listen("stock WebSocket", stock(false), filtered)
		listen("stock WebSocket", stock(false), money)
		listen("stock polling", stock(true), whole)
		listen("stock polling", stock(true), filter)
		listen("polling", socket(true), whole)
		listen("polling", socket(true), patches)
		listen("polling", socket(true), filter, register)
		listen("server-sent events", feed(false), whole)
		listen("server-sent events", feed(false), patches)
		listen("server-sent events", feed(false), filter)
		listen("server-sent events", feed(false), item)
		listen("plain WebSocket", feed(true), whole)
		listen("plain WebSocket", feed(true), filter)
		listen("plain WebSocket", feed(true), item)
	}
	return list
}

// streams are those of all listeners.
func (r *round) streams() (list []*stream) {
	for _, l := range r.listeners {
		list = append(list, l.heard()...)
	}
	return list
}

// lastWords changes everything that somebody listens to.
func (r *round) lastWords(ctx context.Context, direct caller) error {
	for i, s := range r.streams() {
		id, item := s.id, content{Bucket: max(s.bucket, 1), Op: fmt.Sprintf("last-%d", i)}
		switch {
		case s.collection == accounts:
			// Money must stay what it is.
			replies := direct.do(ctx, &request{verb: "GET", collection: accounts, id: 1})
			if !replies[0].done() || json.Unmarshal(replies[0].result, &item) != nil {
				return fmt.Errorf("without any fault about, GET of an account was answered %s", replies[0].result)
			}
			id, item.ID, item.Op = "1", nil, fmt.Sprintf("last-%d", i)
		case id == "" && s.collection == registers:
			id = `"last"`
		case id == "":
			id = fmt.Sprint(100_000 + i)
		}
		if err := r.put(ctx, direct, item.Op, s.collection, id, item); err != nil {
			return err
		}
	}
	return nil
}

// await waits until every stream has come to a place, for as long as it moves.
func (r *round) await(ctx context.Context, to func(*stream) uint64) error {
	for _, s := range r.streams() {
		for want := to(s); ; {
			last, moved := s.state()
			if last >= want {
				break
			}
			select {
			case <-moved:
			case <-r.ledger.failing():
				return r.ledger.faulty
			case <-time.After(patience):
				r.hung = r.process.stacks()
				return fmt.Errorf("%s: nothing came for a minute after the event %d, and %d is due", s.who, last, want)
			case <-ctx.Done():
				return fmt.Errorf("%s: the event %d has come, and %d is due: the time is over", s.who, last, want)
			}
		}
	}
	return nil
}

// tellAll is the log as a fresh subscriber of each collection is told since the first change, which is not told itself.
func (r *round) tellAll(ctx context.Context, from string) (told []entry, err error) {
	for _, collection := range []string{goods, accounts, registers} {
		s := &stream{who: "a fresh SUBSCRIBE", topic: topic{collection: collection, bucket: noBucket}}
		if err := s.begin(from, nil); err != nil {
			return nil, err
		}
		l := &socketListener{url: r.process.url, streams: []*stream{s}}
		marked := make(chan struct{})
		s.marked = sync.OnceFunc(func() { close(marked) })
		hearing, end := context.WithCancel(ctx)
		heard := make(chan error, 1)
		go func() {
			defer close(heard)
			heard <- l.listen(hearing)
		}()
		select {
		case <-marked:
		case early := <-heard:
			err = fmt.Errorf("a fresh SUBSCRIBE since the first cursor ended: %w", early)
		}
		end()
		for range heard { // until it has gone; its error was looked at, or is that of the end
		}
		if err != nil {
			return nil, err
		}
		items := map[string]json.RawMessage{}
		if w := r.ledger.writes[0]; w.Collection == collection {
			items[w.ID] = w.Result
		}
		for _, e := range s.parts[0].events {
			if e.Type == "" {
				continue
			}
			change := entry{Seq: e.Seq, Type: e.Type, Collection: collection, ID: e.ID, Rev: e.Rev, Prev: e.Prev, Cursor: e.Cursor, Op: e.Op, Before: items[e.ID]}
			delete(items, e.ID)
			if e.Type != "DELETED" {
				change.After, items[e.ID] = e.Item, e.Item
			} else if !same(e.Item, change.Before) {
				return nil, fmt.Errorf("a fresh SUBSCRIBE was told that %s was %s when it was deleted, and before that it was %s", e.ID, e.Item, change.Before)
			}
			if err := change.fillBuckets(); err != nil {
				return nil, err
			}
			told = append(told, change)
		}
	}
	return told, nil
}

// verify compares everything with everything, once the process has ended.
func (r *round) verify(t *testing.T, told []entry) (err error) {
	if r.stored, err = readFile(r.process.data); err != nil {
		return err
	}
	posted, err := r.ledger.posted()
	if err == nil {
		r.done.add("changes", len(r.stored.log))
		err = r.stored.complete(posted)
	}
	if err != nil {
		return err
	}
	log := r.stored.log
	r.done.add("changes pruned", len(log)-r.done.of["changes"])
	r.done.add("calls", r.ledger.calls)
	for _, w := range r.ledger.writes {
		r.done.add("writes "+string(w.Outcome), 1)
		r.done.add("writes repeated", min(1, w.Attempts-1))
	}
	r.done.add("operations on registers", len(r.history.list))
	if err := errors.Join(r.stored.check(), r.ledger.check(log), sameLog(told, log), r.history.check(log, func() string { return r.keep(t) })); err != nil {
		return err
	}
	var wrong []error
	for _, s := range r.streams() {
		if err := s.check(log); err != nil && len(wrong) < 5 {
			wrong = append(wrong, err)
		}
		for _, p := range s.parts {
			r.done.add("events", len(p.events))
		}
		r.done.add("breaks", s.breaks)
		r.done.add("snapshots after GONE", len(s.parts)-1)
	}
	balances := map[string]json.RawMessage{}
	for id, item := range r.stored.items[accounts] {
		balances[id] = item.JSON
	}
	return errors.Join(append(wrong, checkBalances(balances))...)
}

// sameLog compares what a fresh subscriber was told of each collection with the file's log.
func sameLog(told, log []entry) error {
	of := func(list []entry) map[string][]string {
		all := map[string][]string{}
		for _, e := range list {
			if e.Seq > 1 { // the fresh one begins after it
				all[e.Collection] = append(all[e.Collection], fmt.Sprintf("%d %s %s %s %s %s %s %s", e.Seq, e.Type, e.ID, e.Rev, e.Prev, e.Op, e.Before, e.After))
			}
		}
		return all
	}
	fresh, stored := of(told), of(log)
	for collection, want := range stored {
		got := fresh[collection]
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				return fmt.Errorf("a fresh SUBSCRIBE to %s since the first cursor was told %d changes, and the log has %d; they differ from the entry %d on", collection, len(got), len(want), i)
			}
		}
	}
	return nil
}

// keep writes down what was seen of the round, and returns where.
func (r *round) keep(t *testing.T) string {
	folder := filepath.Join(os.TempDir(), "ackbase-faults-"+fmt.Sprint(r.seed))
	if artifacts := flag.Lookup("test.artifacts"); artifacts != nil && artifacts.Value.String() == "true" {
		folder = t.ArtifactDir() // which without the flag would not outlive the test
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Log(err)
	}
	save := func(name string, value any) {
		b, ok := value.([]byte)
		var err error
		if !ok {
			b, err = json.MarshalIndent(value, "", " ")
		}
		if err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), b, 0o600)); err != nil {
			t.Log(err)
		}
	}
	if r.stored != nil {
		save("log.json", r.stored.log)
	}
	r.ledger.mu.Lock()
	save("writes.json", r.ledger.writes)
	r.ledger.mu.Unlock()
	r.history.mu.Lock()
	save("registers.json", r.history.list)
	r.history.mu.Unlock()
	save("server.txt", []byte(r.process.logs.String()))
	if r.hung != nil {
		save("clients.txt", r.hung)
	}
	return folder
}
