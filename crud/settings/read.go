package settings

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const description = `An event server for stock Socket.IO clients: GET, POST, PUT, PATCH and DELETE
over the socket, and ADDED, MODIFIED and DELETED to whoever subscribed.

Examples:
  ackbase                                           serve ackbase.db on 127.0.0.1:3000
  ackbase --seed catalogue                          with a shop's products to play with
  ackbase --listen :8080 --data /srv/shop.db --origin https://shop.example
  ackbase --index items.price --index items.category+price
  ackbase --config ackbase.yaml                     settings from a file
  ackbase bench --help                              put load on a Socket.IO server

Every setting can also come from the environment (--log-level as ACKBASE_LOG_LEVEL,
lists separated by commas) or from the file. A flag wins over the environment, that
over the file, that over the default. Sizes are like 512KB or 2MB (1 KB is 1024
bytes), durations like 500ms, 25s or 1m30s; of --keep-changes 30d too, its list is separated
by semicolons.`

// Read gathers the settings. They are nil, without an error, where
// --help or --version has been answered on out.
func Read(args []string, getenv func(string) string, out io.Writer) (*Settings, error) {
	parse := func(s *Settings, options ...kong.Option) (*kong.Context, bool, error) {
		return parse("ackbase", s, args, out, append(options,
			kong.Description(description),
			kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, WrapUpperBound: 100}),
			kong.ExplicitGroups([]kong.Group{
				{Key: "Server", Title: "Server"}, {Key: "Data", Title: "Data"}, {Key: "Limits", Title: "Limits"},
				{Key: "Messages", Title: "Messages"}, {Key: "Connections", Title: "Connections"},
				{Key: "Clients", Title: "Clients"}, {Key: "Slow clients", Title: "Slow clients"}, {Key: "Logs", Title: "Logs and help"},
			}))...)
	}

	// The command line alone comes first: it may name the file, or only want help.
	var given Settings
	model, answered, err := parse(&given)
	if answered || err != nil {
		return nil, settingError("ackbase", err, answered)
	}
	if given.Version {
		_, err := fmt.Fprintln(out, "ackbase", Version())
		return nil, err
	}
	if given.Config == "" {
		given.Config = getenv("ACKBASE_CONFIG")
	}
	var known []string // what the environment and the file can set
	for _, flag := range model.Model.Flags {
		if flag.Name != "help" && flag.Name != "version" && flag.Name != "config" {
			known = append(known, flag.Name)
		}
	}
	file, err := readFile(given.Config, known)
	if err != nil {
		return nil, err
	}
	sources := map[string]string{} // where a setting came from that the command line does not have
	resolve := kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if !slices.Contains(known, flag.Name) {
			return nil, nil
		}
		variable := "ACKBASE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value := getenv(variable); value != "" {
			sources[flag.Name] = "the environment variable " + variable
			return value, nil
		}
		if values, ok := file.values[flag.Name]; ok {
			file.used[flag.Name] = true
			sources[flag.Name] = "the configuration file " + given.Config
			if flag.Tag.Sep == noSeparator {
				return strings.Join(values, ruleSeparator), nil
			}
			return strings.Join(values, ","), nil
		}
		return nil, nil
	})
	s := &Settings{}
	if _, _, err := parse(s, kong.Resolvers(resolve)); err != nil {
		for name, source := range sources {
			if message, ok := strings.CutPrefix(err.Error(), "--"+name+": "); ok {
				return nil, fmt.Errorf("%s, in %s: %s", name, source, message)
			}
			if strings.HasPrefix(err.Error(), "--"+name+" ") {
				return nil, fmt.Errorf("%w (it comes from %s)", err, source)
			}
		}
		return nil, settingError("ackbase", err, false)
	}
	return s, s.check(file)
}

// Flags reads the command line of a further command into a struct with kong's tags. answered
// says that --help has been answered on out, and there is nothing to do.
func Flags(command string, into any, args []string, out io.Writer) (answered bool, err error) {
	_, answered, err = parse(command, into, args, out)
	return answered, settingError(command, err, answered)
}

func parse(command string, into any, args []string, out io.Writer, options ...kong.Option) (model *kong.Context, answered bool, err error) {
	parser, err := kong.New(into, append(options,
		kong.Name(command),
		kong.Writers(out, io.Discard),
		kong.Exit(func(int) { answered = true }))...)
	if err != nil {
		return nil, false, err
	}
	model, err = parser.Parse(args)
	return model, answered, err
}

// settingError makes a sentence of what kong complains about in a command's flags.
func settingError(command string, err error, answered bool) error {
	if err == nil || answered {
		return nil
	}
	if name, _, missing := strings.Cut(err.Error(), ": "); missing && strings.HasSuffix(err.Error(), "(<EOL>)") {
		return fmt.Errorf("%s needs a value (%s --help lists all settings)", name, command)
	}
	return fmt.Errorf("%w (%s --help lists all settings)", err, command)
}

// Version is that of the running command, as the build tells it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
