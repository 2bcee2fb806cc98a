package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ackbase/collections"
)

// declareAll gathers what is said of collections, by the file and by the flags.
func (s *Settings) declareAll(file *configFile) error {
	indexes, ids, keeps := file.indexes, file.ids, file.keeps
	kept, err := s.keepRules()
	if err != nil {
		return err
	}
	if err := agree(file, "keep-changes", "keep", kept, keeps); err != nil {
		return err
	}
	s.keep = kept[""]
	delete(kept, "")
	maps.Copy(keeps, kept)
	for _, index := range s.Index {
		name, paths, ok := strings.Cut(index, ".")
		if !ok || name == "" || paths == "" {
			return fmt.Errorf("--index: %q is no index: write the collection, a dot and a path, such as items.price, or several paths, such as items.category+price", index)
		}
		indexes[name] = append(indexes[name], paths)
	}
	flagged := map[string]string{}
	for _, scheme := range s.IDs {
		name, kind, ok := strings.Cut(scheme, "=")
		if !ok || name == "" || kind == "" {
			return fmt.Errorf("--ids: %q is not like items=uuid, items=number or items=prefix:A", scheme)
		}
		if other, twice := flagged[name]; twice && other != kind {
			return fmt.Errorf("--ids: %s is to be %s and %s: name one of them", name, other, kind)
		}
		flagged[name] = kind
	}
	if err := agree(file, "ids", "ids", flagged, ids); err != nil {
		return err
	}
	maps.Copy(ids, flagged)
	s.collections = map[string]collections.Collection{}
	names := slices.Concat(file.named, slices.Collect(maps.Keys(indexes)), slices.Collect(maps.Keys(ids)), slices.Collect(maps.Keys(keeps)))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if err := collections.CheckName(name); err != nil {
			return fmt.Errorf("a collection is declared under a bad name: %w", err)
		}
		c, err := declare(ids[name], indexes[name])
		if err != nil {
			return fmt.Errorf("the collection %s: %w", name, err)
		}
		c.Keep = keeps[name]
		s.collections[name] = c
	}
	if err := (&collections.Options{Collections: s.collections}).Check(); err != nil {
		return err
	}
	if s.DeclaredOnly && len(names) == 0 {
		return errors.New("--declared-only serves only declared collections and none is declared: name one with --ids, --index, --keep-changes or in the configuration file, such as --ids items=number")
	}
	return nil
}

// agree refuses a file that says one thing of a collection in a setting and another one in its section
// collections. That a flag or the environment says another one than the file is what they are for.
func agree[V comparable](file *configFile, setting, field string, set, section map[string]V) error {
	if !file.used[setting] {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(section)) {
		if other, ok := set[name]; ok && other != section[name] {
			return fmt.Errorf("the configuration file %s says two things of the collection %s: %s=%v under %s, and %s: %v under collections: leave one of them out",
				file.name, name, name, other, setting, field, section[name])
		}
	}
	return nil
}

// declare makes what is configured of one collection.
func declare(ids string, indexes []string) (c collections.Collection, err error) {
	prefix, prefixed := strings.CutPrefix(ids, "prefix:")
	switch {
	case ids == "" || ids == "number" || ids == "uuid":
	case prefixed && prefix != "":
		if _, err := collections.TextID(prefix + "1"); err != nil {
			return c, fmt.Errorf("the prefix %q cannot begin an id: %w", prefix, err)
		}
	default:
		return c, fmt.Errorf("%q is no kind of ids: there are number, uuid and prefix:A (with the text that comes before the number)", ids)
	}
	c.IDs = collections.IDScheme(ids)
	for _, index := range slices.Compact(slices.Sorted(slices.Values(indexes))) {
		paths := strings.Split(index, "+")
		for _, path := range paths {
			if _, err := collections.ParsePath(path); err != nil {
				return c, fmt.Errorf("the index %q: %w", index, err)
			}
		}
		c.Indexes = append(c.Indexes, collections.Index{Paths: paths})
	}
	return c, nil
}
