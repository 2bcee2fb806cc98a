package packet

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ackbase/server/hostile"
)

func TestParse(t *testing.T) {
	const limit = 10
	for _, c := range []struct {
		text        string
		want        Type
		attachments int
		namespace   string
		id          int64
		data        string
	}{
		{`0`, Connect, 0, "/", NoID, ""},
		{`0{"token":"123"}`, Connect, 0, "/", NoID, `{"token":"123"}`},
		{`0/admin,`, Connect, 0, "/admin", NoID, ""},
		{`0/admin`, Connect, 0, "/admin", NoID, ""},
		{`0/admin,{"a":1}`, Connect, 0, "/admin", NoID, `{"a":1}`},
		{`1`, Disconnect, 0, "/", NoID, ""},
		{`1/admin,`, Disconnect, 0, "/admin", NoID, ""},
		{`2["foo"]`, Event, 0, "/", NoID, `["foo"]`},
		{`212["foo"]`, Event, 0, "/", 12, `["foo"]`},
		{`2/admin,13["foo"]`, Event, 0, "/admin", 13, `["foo"]`},
		{`3/admin,13["bar"]`, Ack, 0, "/admin", 13, `["bar"]`},
		{`30[]`, Ack, 0, "/", 0, `[]`},
		{`4{"message":"no"}`, ConnectError, 0, "/", NoID, `{"message":"no"}`},
		{`51-["baz",{"_placeholder":true,"num":0}]`, BinaryEvent, 1, "/", NoID, `["baz",{"_placeholder":true,"num":0}]`},
		{`52-/admin,15["baz"]`, BinaryEvent, 2, "/admin", 15, `["baz"]`},
		{`610-15["bar"]`, BinaryAck, 10, "/", 15, `["bar"]`},
		{`2`, Event, 0, "/", NoID, ""},
		{`20`, Event, 0, "/", 0, ""},
		{`2/`, Event, 0, "/", NoID, ""},
		{`2/,5[]`, Event, 0, "/", 5, "[]"},
		{`29007199254740991[]`, Event, 0, "/", MaxID, "[]"},
		{`2abc["x"]`, Event, 0, "/", NoID, `abc["x"]`}, // refused by Args
		{`2/größe,["x"]`, Event, 0, "/größe", NoID, `["x"]`},
	} {
		p, err := Parse([]byte(c.text), limit)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		if p.Type != c.want || p.Attachments != c.attachments || string(p.Namespace) != c.namespace || p.ID != c.id || string(p.Data) != c.data {
			t.Errorf("Parse(%q) = %v %d %q %d %q", c.text, p.Type, p.Attachments, p.Namespace, p.ID, p.Data)
		}
	}
	for text, want := range map[string]error{
		"":                               ErrEmpty,
		"7":                              ErrType,
		"abc":                            ErrType,
		"\x00":                           ErrType,
		"5":                              ErrAttachments,
		"5[]":                            ErrAttachments,
		"51":                             ErrAttachments,
		"5-[]":                           ErrAttachments,
		"50-[]":                          ErrAttachments,
		"5-1-[]":                         ErrAttachments,
		"51.5-[]":                        ErrAttachments,
		"6a-[]":                          ErrAttachments,
		"511-[]":                         ErrTooMany,
		"599999999999999999999999-[]":    ErrTooMany,
		"2/\xff,[]":                      ErrNamespace,
		"29007199254740992[]":            ErrID,
		"2999999999999999999999999[]":    ErrID,
		"2/a,18446744073709551616[\"\"]": ErrID,
	} {
		if _, err := Parse([]byte(text), limit); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %v, want %v", text, err, want)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	text := []byte(`2/admin,13["GET","items",1,{"fields":["id","name"]}]`)
	args, err := Args(nil, []byte(`["GET","items",1,{}]`))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		p, err := Parse(text, 10)
		if err != nil {
			t.Fatal(err)
		}
		if args, err = Args(args[:0], p.Data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a packet, want none", n)
	}
}

func TestAppendHead(t *testing.T) {
	for want, got := range map[string][]byte{
		"2":          AppendHead(nil, Event, 0, "/", NoID),
		"20":         AppendHead(nil, Event, 0, "", 0),
		"3/admin,7":  AppendHead(nil, Ack, 0, "/admin", 7),
		"52-/admin,": AppendHead(nil, BinaryEvent, 2, "/admin", NoID),
		"61-15":      AppendHead(nil, BinaryAck, 1, "/", 15),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"0", "40", "0/admin,{}", `2["a"]`, "20", "2/", "450-", "50-", "51-[]", `52-/a,9["b",{"_placeholder":true,"num":0}]`,
		"61-15[]", "2/\xff,", "299999999999999999999", "3[]", "31[1,2]", "1/x", "2/a/b,1[]", "5\x001-", "2 []", "2,[]", "2/,,[]", "0/,/",
	} {
		f.Add([]byte(seed))
	}
	for _, list := range hostile.Packets() {
		for _, seed := range strings.Split(list, "\n") {
			f.Add([]byte(strings.TrimPrefix(seed, "4")))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 16
		before := bytes.Clone(text)
		p, err := Parse(text, limit)
		if !bytes.Equal(before, text) {
			t.Fatal("Parse changed its input")
		}
		if err != nil {
			return
		}
		if p.Type.Binary() != (p.Attachments > 0) || p.Attachments > limit {
			t.Fatalf("%q: %d attachments for %v", text, p.Attachments, p.Type)
		}
		if p.Namespace[0] != '/' || bytes.IndexByte(p.Namespace, ',') >= 0 {
			t.Fatalf("%q: namespace %q", text, p.Namespace)
		}
		if p.ID < NoID || p.ID > MaxID {
			t.Fatalf("%q: id %d", text, p.ID)
		}
		if len(p.Namespace) == 1 && len(p.Data) > 0 && p.Data[0] == '/' {
			return // "/,/…": no JSON, and a namespace of its own where "/" is left out
		}
		// What was understood can be written and is understood in the same way.
		written := append(AppendHead(nil, p.Type, p.Attachments, string(p.Namespace), p.ID), p.Data...)
		again, err := Parse(written, limit)
		if err != nil {
			t.Fatalf("%q came back as %q: %v", text, written, err)
		}
		if again.Type != p.Type || again.Attachments != p.Attachments || again.ID != p.ID ||
			!bytes.Equal(again.Namespace, p.Namespace) || !bytes.Equal(again.Data, p.Data) {
			t.Fatalf("%q: first %+v, then %+v", text, p, again)
		}
	})
}
