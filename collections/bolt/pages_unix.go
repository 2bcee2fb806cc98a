//go:build linux || darwin || freebsd

package bolt

import (
	"os"
	"syscall"
)

// canMap tells whether a file's map shows at once what is written to the file.
const canMap = true

func mapFile(file *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmapFile(data []byte) error { return syscall.Munmap(data) }
