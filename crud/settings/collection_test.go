package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

func TestCollectionsOfFlagsAndFileAddUp(t *testing.T) {
	const file = `
collections:
  items:
    ids: uuid
    indexes: [price, category+price]
  orders: {ids: "prefix:A"}
  plain:
`
	s, _, err := read(t, []string{"--index", "items.price", "--index", "items.maker.name", "--ids", "items=prefix:P", "--ids", "users=uuid"}, nil, file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]collections.Collection{
		"items":  {IDs: "prefix:P", Indexes: []collections.Index{{Paths: []string{"category", "price"}}, {Paths: []string{"maker.name"}}, {Paths: []string{"price"}}}},
		"orders": {IDs: "prefix:A"},
		"plain":  {},
		"users":  {IDs: "uuid"},
	}
	if diff := cmp.Diff(want, s.collections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeepChanges(t *testing.T) {
	const day = 24 * time.Hour
	type kept struct {
		common collections.Keep
		own    map[string]collections.Collection
	}
	for name, c := range map[string]struct {
		args []string
		env  string
		file string
		want kept
	}{
		"default":     {want: kept{common: collections.DefaultKeep}},
		"flags":       {args: []string{"--keep-changes=1000", "--keep-changes", "items=7d,100", "--keep-changes=logs=all"}, want: kept{collections.Keep{Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day, Changes: 100}}, "logs": {Keep: collections.KeepAll}}}},
		"one alone":   {args: []string{"--keep-changes=items=7d"}, want: kept{own: map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
		"environment": {env: "12h,1000; items=7d", want: kept{collections.Keep{Age: 12 * time.Hour, Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
		"file":        {file: "keep-changes: [items=7d, 1000]\ncollections: {orders: {keep: 100}, logs: {keep: [1d, 5]}}\n", want: kept{collections.Keep{Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}, "orders": {Keep: collections.Keep{Changes: 100}}, "logs": {Keep: collections.Keep{Age: day, Changes: 5}}}}},
		"flag wins":   {args: []string{"--keep-changes=items=7d"}, file: "collections: {items: {keep: 100}}\n", want: kept{own: map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := read(t, c.args, map[string]string{"ACKBASE_KEEP_CHANGES": c.env}, c.file)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.own == nil {
				c.want.own = map[string]collections.Collection{}
			}
			if diff := cmp.Diff(c.want, kept{s.keep, s.collections}, cmp.AllowUnexported(kept{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A file that says two things of one collection is refused with both, since whichever won, somebody would not
// expect it. That a flag or the environment says another one is what they are for.
func TestFileThatContradictsItself(t *testing.T) {
	const keeps = "keep-changes: [items=7d, 1000]\ncollections: {items: {keep: [30d, 500]}}\n"
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		file string
		want []string // parts of the message; none where it is accepted
	}{
		"keeps":                 {file: keeps, want: []string{"ackbase.yaml", "items=7d under keep-changes", "keep: 30d,500 under collections"}},
		"ids":                   {file: "ids: [items=uuid]\ncollections: {items: {ids: number}}\n", want: []string{"ackbase.yaml", "items=uuid under ids", "ids: number under collections"}},
		"a collection twice":    {file: "collections:\n  items: {keep: 7d}\n  items: {keep: 30d}\n", want: []string{"ackbase.yaml", "items", "already defined"}},
		"a setting twice":       {file: "max-item: 1MB\nmax-item: 2MB\n", want: []string{"ackbase.yaml", "max-item", "already defined"}},
		"the same twice":        {file: "keep-changes: items=7d\nids: items=uuid\ncollections: {items: {keep: 7d, ids: uuid}}\n"},
		"of others":             {file: "keep-changes: [logs=7d, 1000]\ncollections: {items: {keep: 30d}}\n"},
		"a flag decides":        {args: []string{"--keep-changes=items=1d"}, file: keeps},
		"the environment does":  {env: map[string]string{"ACKBASE_KEEP_CHANGES": "items=1d"}, file: keeps},
		"a flag over a section": {args: []string{"--ids=items=uuid"}, file: "collections: {items: {ids: number}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(t, c.args, c.env, c.file)
			if (err != nil) != (c.want != nil) {
				t.Fatalf("%v, want an error that tells of %q", err, c.want)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not tell of %q", err, part)
				}
			}
		})
	}
}
