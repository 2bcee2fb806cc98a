package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

func TestReadOptions(t *testing.T) {
	for query, want := range map[string]string{
		"":                                               ``,
		"page=2&limit=10&sort=-a,b&fields=id,a":          `{"fields":"id,a","limit":"10","page":"2","sort":"-a,b"}`,
		"total=false":                                    `{"total":false}`,
		"filters[a]=1":                                   `{"filters":{"a":"1"}}`,
		"filters[a.b][$gt]=1&filters[c]=x":               `{"filters":{"a.b":{"$gt":"1"},"c":"x"}}`,
		"filters[a][$in]=1":                              `{"filters":{"a":{"$in":["1"]}}}`,
		"filters[a][$in]=1&filters[a][$in]=2":            `{"filters":{"a":{"$in":["1","2"]}}}`,
		"filters[a][$in][]=1&filters[a][$in][]=":         `{"filters":{"a":{"$in":["1",""]}}}`,
		"filters[a][$exists]=false":                      `{"filters":{"a":{"$exists":false}}}`,
		"filters[$or][0][a]=1&filters[$or][1][b][$ne]=2": `{"filters":{"$or":[{"a":"1"},{"b":{"$ne":"2"}}]}}`,
		`filters={"a":1}`:                                `{"filters":{"a":1}}`,
		"filters[a][0]=1&filters[a][2]=2":                `{"filters":{"a":{"0":"1","2":"2"}}}`, // no array: the filter says what is wrong
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readOptions(values, false)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
}

func TestReadOptionsRefused(t *testing.T) {
	for _, query := range []string{
		"filters[]=1", "filters[a=1", "filters[a]b=1", "filters[][a]=1", "filters[a]=1&filters[a]=2", "filters[a]=1&filters[a][$gt]=2",
		"filters[a][]=1&filters[a][$gt]=2", "filters=1,", "filters={}&filters[a]=1", "page=1&page=2", "page[a]=1", "filters[a][$exists]=maybe",
		"sort=%ff", "filters[a]=%ff", "filters[%ff]=a", "filters[a][$in]=b&filters[a][$in]=%ff",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readOptions(values, false); err == nil {
			t.Errorf("%s: %s, want an error", query, got)
		}
	}
}

func TestWriteOptions(t *testing.T) {
	for _, c := range []struct {
		header http.Header
		query  string
		want   string // empty: refused
	}{
		{http.Header{"Idempotency-Key": {`"k"`}}, "reason=why", `{"key":"k","reason":"why"}`},
		{http.Header{"Idempotency-Key": {"clé"}}, "reason=%C3%A9", `{"key":"clé","reason":"é"}`},
		{http.Header{"Idempotency-Key": {"cl\xe9"}}, "", ""}, // Latin-1, as browsers send it: with another letter it is another key
		{http.Header{"Idempotency-Key": {"a", "b"}}, "", ""},
		{nil, "reason=%E9", ""},
		{nil, "reason=a&reason=b", ""},
		{http.Header{"If-Match": {`"a"`}, "If-None-Match": {"*"}}, "", ""},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := writeOptions(c.header, values); string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q, %q: %s, %v, want %s", c.header, c.query, got, err, c.want)
		}
	}
}

// FuzzReadOptions holds that any URL gives JSON or an error.
func FuzzReadOptions(f *testing.F) {
	f.Add("page=2&filters[a.b][$gt]=1&filters[$or][0][a]=1&filters[$or][1][b][$in][]=2")
	f.Add("filters[]=1&filters[a][$exists]=true&filters={")
	f.Add(`filters={"a":[1,2]}&total=false`)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if got, err := readOptions(values, false); err == nil && got != nil && !json.Valid(got) {
			t.Fatalf("%q: %s", query, got)
		}
	})
}
