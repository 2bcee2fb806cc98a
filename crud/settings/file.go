package settings

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"ackbase/collections"
)

// configFile is what a configuration file says. The zero value is that of no file.
type configFile struct {
	name    string
	used    map[string]bool             // the settings whose value here is the one that holds
	values  map[string][]string         // by the setting's name
	ids     map[string]string           // the kind of ids by collection
	indexes map[string][]string         // the indexes by collection
	keeps   map[string]collections.Keep // how much is kept by collection
	named   []string                    // the collections of the section
}

// readFile reads a configuration file that may have the known settings;
// without a name it is empty.
func readFile(name string, known []string) (*configFile, error) {
	file := &configFile{name: name, used: map[string]bool{}, values: map[string][]string{}, ids: map[string]string{}, indexes: map[string][]string{}, keeps: map[string]collections.Keep{}}
	if name == "" {
		return file, nil
	}
	fail := func(format string, args ...any) (*configFile, error) {
		return nil, fmt.Errorf("the configuration file %s %w", name, fmt.Errorf(format, args...))
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return fail("cannot be read: %w", errors.Unwrap(err))
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return fail("is not a YAML document of settings, such as `listen: 127.0.0.1:3000`: %s", yaml.FormatError(err, false, false))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch {
		case key == "collections":
			if err := file.readCollections(values[key]); err != nil {
				return fail("has a section collections in which %w", err)
			}
		case !slices.Contains(known, key):
			return fail("has the unknown setting %q: the known ones are %s and collections", key, strings.Join(known, ", "))
		case values[key] == nil: // left empty: as if it were not there
		default:
			list, ok := texts(values[key])
			if !ok {
				return fail("has a setting %s that is neither one value nor a list of values", key)
			}
			file.values[key] = list
		}
	}
	return file, nil
}

// readCollections reads the section collections: { items: { ids: uuid, indexes: [price, category+price], keep: 30d } }.
func (f *configFile) readCollections(section any) error {
	named, ok := section.(map[string]any)
	if section != nil && !ok {
		return errors.New("the names of the collections are missing: it is like `collections: {items: {ids: uuid, indexes: [price]}}`")
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		f.named = append(f.named, name)
		fields, ok := named[name].(map[string]any)
		if named[name] != nil && !ok {
			return fmt.Errorf("%s is not like `%s: {ids: uuid, indexes: [price, category+price]}`", name, name)
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			list, ok := texts(fields[field])
			switch {
			case field == "ids" && ok && len(list) == 1:
				f.ids[name] = list[0]
			case field == "ids":
				return fmt.Errorf("the ids of %s are not one of number, uuid or prefix:A", name)
			case field == "indexes" && ok:
				f.indexes[name] = list
			case field == "indexes":
				return fmt.Errorf("the indexes of %s are not a list of paths, such as [price, category+price]", name)
			case field == "keep" && ok:
				keep, err := collections.ParseKeep(strings.Join(list, ","))
				if err != nil {
					return fmt.Errorf("%s is to keep what is none: %w", name, err)
				}
				f.keeps[name] = keep
			case field == "keep":
				return fmt.Errorf("what %s is to keep of its changes is no age, such as 30d, and no number", name)
			default:
				return fmt.Errorf("%s has the unknown field %q: the known ones are ids, indexes and keep", name, field)
			}
		}
	}
	return nil
}

// texts are a YAML scalar, or a list of them, as texts.
func texts(value any) ([]string, bool) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var result []string
	for _, v := range list {
		switch v.(type) {
		case string, bool, int64, uint64, float64:
			result = append(result, fmt.Sprint(v))
		default:
			return nil, false
		}
	}
	return result, true
}
