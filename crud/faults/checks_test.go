package faults

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestChecks holds that what the rounds are checked with finds what it is for.
func TestChecks(t *testing.T) {
	item := func(op string) json.RawMessage { return json.RawMessage(`{"id":1,"op":"` + op + `","bucket":1,"n":0}`) }
	log := []entry{
		{Seq: 1, Type: "ADDED", Collection: goods, ID: "1", Rev: "r1", Cursor: "c1", Op: "a", After: item("a"), bucketBefore: noBucket, bucketNow: 1},
		{Seq: 2, Type: "MODIFIED", Collection: goods, ID: "1", Rev: "r2", Prev: "r1", Cursor: "c2", Op: "b", Before: item("a"), After: item("b"), bucketBefore: 1, bucketNow: 1},
		{Seq: 3, Type: "DELETED", Collection: goods, ID: "1", Rev: "r3", Prev: "r2", Cursor: "c3", Op: "c", Before: item("b"), bucketBefore: 1, bucketNow: noBucket},
	}
	want := func(t *testing.T, err error, text string) {
		t.Helper()
		if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
			t.Errorf("the check says %v, and should say %q", err, text)
		}
	}

	t.Run("streams", func(t *testing.T) {
		s := &stream{topic: topic{collection: goods, bucket: noBucket}}
		due := s.due(log, 0)
		bookmark := seen{Seq: 2, Cursor: "c2"}
		for _, c := range []struct {
			name   string
			events []seen
			whole  bool
			want   string
		}{
			{"all", due, true, ""},
			{"cut off", due[:2], false, ""},
			{"cut off at the end", due[:2], true, "lost at the end"},
			{"lost", []seen{due[0], due[2]}, false, "is lost"},
			{"doubled", []seen{due[0], due[0], due[1]}, false, "doubled or out of order"},
			{"out of order", []seen{due[1], due[0]}, false, "is lost"},
			{"a true bookmark", []seen{due[0], due[1], bookmark, due[2]}, true, ""},
			{"a false bookmark", []seen{due[0], bookmark, due[1], due[2]}, true, "BOOKMARK"},
			{"another item", []seen{{Seq: 1, Type: "ADDED", ID: "1", Rev: "r1", Cursor: "c1", Op: "a", Item: item("z")}}, false, "tells the item"},
			{"another revision", []seen{{Seq: 1, Type: "ADDED", ID: "1", Rev: "r9", Cursor: "c1", Op: "a", Item: item("a")}}, false, "the log has"},
		} {
			want(t, (&part{events: c.events}).check(due, c.whole), c.want)
		}
		want(t, s.checkSnapshot(log, &part{from: 2, first: map[string]json.RawMessage{"1": item("b")}}), "")
		want(t, s.checkSnapshot(log, &part{from: 2, first: map[string]json.RawMessage{"1": item("a")}}), "the snapshot")
		want(t, s.checkSnapshot(log, &part{from: 3, first: map[string]json.RawMessage{"1": item("b")}}), "the snapshot")
	})

	t.Run("writes", func(t *testing.T) {
		made := func(op, verb, rev, cursor string, o outcome, result json.RawMessage) *write {
			return &write{Op: op, Verb: verb, Collection: goods, ID: "1", Outcome: o, Changes: 1, Rev: rev, Cursor: cursor, Result: result}
		}
		a, b, c := made("a", "PUT", "r1", "c1", acked, item("a")), made("b", "PUT", "r2", "c2", unknown, nil), made("c", "DELETE", "", "c3", acked, nil)
		for _, l := range []struct {
			writes []*write
			log    []entry
			want   string
		}{
			{[]*write{a, b, c}, log, ""},
			{[]*write{a, b, c, made("d", "PUT", "", "", unknown, nil)}, log, ""},
			{[]*write{a, b, c, made("d", "PUT", "r4", "c4", acked, item("d"))}, log, "it is lost"},
			{[]*write{a, b}, log, "nobody made"},
			{[]*write{a, made("b", "PUT", "", "", refused, nil), c}, log, "was refused"},
			{[]*write{a, b, c}, append(log[:3:3], entry{Seq: 4, Collection: goods, ID: "1", Op: "b"}), "more than once"},
			{[]*write{made("a", "PUT", "r1", "c9", acked, item("a")), b, c}, log, "was acknowledged with the cursor"},
			{[]*write{made("a", "PUT", "r1", "c1", acked, item("z")), b, c}, log, "was acknowledged with"},
		} {
			want(t, (&ledger{writes: l.writes}).check(l.log), l.want)
		}
	})

	t.Run("log", func(t *testing.T) {
		log := append([]entry(nil), log...)
		log[1].Patch = json.RawMessage(`[{"op":"replace","path":"/op","value":"z"}]`)
		want(t, (&database{log: log}).check(), "patch")
		log[1].Patch = json.RawMessage(`[{"op":"replace","path":"/op","value":"b"}]`)
		want(t, (&database{log: log}).check(), "")
		want(t, (&database{log: log[:2]}).check(), "is lost")
		want(t, (&database{log: []entry{log[0], log[2]}}).check(), "gap")
		log[2].Prev = "r1"
		want(t, (&database{log: log}).check(), "chain")
	})

	t.Run("registers", func(t *testing.T) {
		at := func(call, end int64, a access) access {
			a.ID, a.Call, a.Return = "first", call, end
			return a
		}
		put := func(op string, o outcome) access { return access{Verb: "PUT", Op: op, Outcome: o} }
		get := func(seen string) access { return access{Verb: "GET", Outcome: acked, Seen: seen} }
		rev := func(op, expect string, o outcome, refusal string) access {
			return access{Verb: "PUT", Op: op, Condition: ifRev, Expect: expect, Outcome: o, Refusal: refusal}
		}
		both := []entry{{Op: "a"}, {Op: "b"}}
		for _, h := range []struct {
			name string
			list []access
			want string
		}{
			{"in turn", []access{at(0, 1, put("a", acked)), at(2, 3, get("a")), at(4, 5, rev("b", "a", acked, "")), at(6, 7, get("b"))}, ""},
			{"a stale read", []access{at(0, 1, put("a", acked)), at(2, 3, put("b", acked)), at(4, 5, get("a"))}, "not linearizable"},
			{"at the same time", []access{at(0, 9, put("a", acked)), at(1, 8, put("b", acked)), at(10, 11, get("a"))}, ""},
			{"back and forth", []access{at(0, 9, put("a", acked)), at(1, 8, put("b", acked)), at(10, 11, get("a")), at(12, 13, get("b"))}, "not linearizable"},
			{"two winners", []access{at(0, 1, put("x", acked)), at(2, 9, rev("a", "x", acked, "")), at(2, 9, rev("b", "x", acked, ""))}, "not linearizable"},
			{"one winner", []access{at(0, 1, put("x", acked)), at(2, 9, rev("a", "x", acked, "")), at(2, 9, rev("b", "x", refused, "PRECONDITION_FAILED"))}, ""},
			{"refused for nothing", []access{at(0, 1, put("x", acked)), at(2, 3, rev("a", "x", refused, "PRECONDITION_FAILED"))}, "not linearizable"},
			{"late", []access{at(0, 1, put("a", unknown)), at(2, 3, get("")), at(4, 5, get("a"))}, ""},
			{"taken back", []access{at(0, 1, put("a", unknown)), at(2, 3, get("a")), at(4, 5, get(""))}, "not linearizable"},
		} {
			err := (&history{list: h.list}).check(both, t.TempDir)
			if text := h.want; text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
				t.Errorf("%s: the check says %v, and should say %q", h.name, err, text)
			}
		}
	})
}
