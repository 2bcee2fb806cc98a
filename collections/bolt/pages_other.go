//go:build !linux && !darwin && !freebsd

package bolt

import (
	"errors"
	"os"
)

// canMap: on other systems counts are made with bbolt's cursor.
const canMap = false

func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return nil }
