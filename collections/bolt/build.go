package bolt

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// Bounds of one transaction of building an index.
const (
	buildItems = 10_000
	buildBytes = 16 << 20
)

// built is the state of a complete index. That of one under way is "resume
// after" and the last id key that it has.
var (
	stateBuilt = []byte{1}
	stateAfter = byte(2)
)

func columnsText(x *index) string {
	texts := make([]string, len(x.columns))
	for i, p := range x.columns {
		texts[i] = p.String()
	}
	return strings.Join(texts, "+")
}

// reconcileIndexes drops the indexes that are no longer declared and builds those that
// are new, in transactions of bounded size: a process that is
// killed in between goes on where it was.
func (s *Store) reconcileIndexes() error {
	declared := make(map[string]*index)
	for _, list := range s.indexes {
		for _, x := range list {
			declared[string(x.bucket)] = x
		}
	}
	var obsolete [][]byte
	states := make(map[string][]byte)
	err := s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketIndexes).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if declared[string(k)] == nil {
				obsolete = append(obsolete, slices.Clone(k))
			}
			states[string(k)] = slices.Clone(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range obsolete {
		s.logger.Info("bolt: dropping an index that is no longer declared", "index", strings.ReplaceAll(string(name), "\x00", " "))
		err := s.db.Update(func(tx *bbolt.Tx) error {
			if tx.Bucket(name) != nil {
				if err := tx.DeleteBucket(name); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketIndexes).Delete(name)
		})
		if err != nil {
			return s.buildError(err)
		}
	}
	for name, x := range declared {
		if bytes.Equal(states[name], stateBuilt) {
			continue
		}
		if err := s.build(x, states[name]); err != nil {
			return s.buildError(err)
		}
	}
	return nil
}

func (s *Store) buildError(err error) error {
	return collections.Errorf(collections.ErrUnavailable, "the indexes of %s cannot be brought up to date (%v): make space and start again", s.path, err)
}

// build fills an index from where its state says that it is.
func (s *Store) build(x *index, state []byte) error {
	var after []byte
	if len(state) > 0 && state[0] == stateAfter {
		after = state[1:]
	}
	started, logged, total := time.Now(), time.Now(), 0
	for complete := false; !complete; {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			n, last, err := s.buildStep(tx, x, after)
			if err != nil {
				return err
			}
			total += n
			states := tx.Bucket(bucketIndexes)
			if last == nil {
				complete = true
				return states.Put(x.bucket, stateBuilt)
			}
			after = last
			return states.Put(x.bucket, append([]byte{stateAfter}, last...))
		})
		if err != nil {
			return err
		}
		if s.hooks.afterBuildStep != nil {
			if err := s.hooks.afterBuildStep(); err != nil {
				return err
			}
		}
		if time.Since(logged) > time.Second {
			logged = time.Now()
			s.logger.Info("bolt: building an index", "collection", x.collection, "paths", columnsText(x), "items", total)
		}
	}
	level := slog.LevelInfo
	if total == 0 {
		level = slog.LevelDebug
	}
	s.logger.Log(context.Background(), level, "bolt: built an index", "collection", x.collection, "paths", columnsText(x), "items", total, "took", time.Since(started).Round(time.Millisecond))
	return nil
}

// buildStep adds the entries of some items after an id key, and returns how many
// and the last one's id key, nil when there are no more.
func (s *Store) buildStep(tx *bbolt.Tx, x *index, after []byte) (int, []byte, error) {
	entries, err := tx.CreateBucketIfNotExists(x.bucket)
	if err != nil {
		return 0, nil, err
	}
	items := tx.Bucket(itemsBucket(x.collection))
	if items == nil {
		return 0, nil, nil
	}
	b := &batch{}
	var puts []put
	c := items.Cursor()
	k, v := c.Seek(after)
	if after != nil && bytes.Equal(k, after) {
		k, v = c.Next()
	}
	var last []byte
	for ; k != nil && len(puts) < buildItems && len(b.arena) < buildBytes; k, v = c.Next() {
		id, _, err := collections.DecodeIDKey(k)
		if err != nil {
			return 0, nil, err
		}
		item, err := decodeItem(id, v)
		if err != nil {
			return 0, nil, err
		}
		puts = append(puts, b.entry(x, id, item.JSON))
		last = k
	}
	last = slices.Clone(last)
	if k == nil {
		last = nil
	}
	return len(puts), last, apply(entries, puts)
}
