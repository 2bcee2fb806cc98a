// Package settings is what a user can set of the command: the flags, the environment and
// the configuration file, what they may say, and the options of the parts that come of it.
//
//	s, err := settings.Read(os.Args[1:], os.Getenv, os.Stdout)
//	if err != nil || s == nil {
//		return err // one sentence; nil where --help or --version has been answered
//	}
//	db := collections.New(store, s.CollectionsOptions())
//
// A new setting is a field of [Settings], a line in what makes options of it (options.go) and,
// where it is a bound, a row in the table of limits in crud/PROTOCOL.md.
package settings
