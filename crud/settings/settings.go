package settings

import (
	"ackbase/collections"
	"ackbase/crud"
)

// Settings are the flags. The same names, in capitals with ACKBASE_ before and _ for -,
// are the environment's; as they are, the configuration file's.
type Settings struct {
	Listen  string   `group:"Server" default:"127.0.0.1:3000" help:"Address and port to listen on. Port 0 takes a free one, which the ready line tells."`
	Console *bool    `group:"Server" help:"Serve the console at /console, which shows all data and every client to whoever reaches this server. Without it: to this machine alone, where the server listens at a loopback address; --console=false: to nobody."`
	Config  string   `group:"Server" placeholder:"FILE" help:"YAML file with any of these settings under the same names, and a section collections."`
	Origin  []string `group:"Server" placeholder:"ORIGIN" help:"Page that may connect from another origin, such as https://shop.example. Repeatable; * for every page. Without it: the same origin and localhost."`

	Data         string   `group:"Data" default:"ackbase.db" help:"File that holds the data. It is created where there is none."`
	Seed         string   `group:"Data" placeholder:"NAME" help:"Data set to load into the collection items while that is empty: catalogue (a shop's products), or catalogue:100000 for as many generated ones."`
	Index        []string `group:"Data" placeholder:"ITEMS.PATH" help:"Index that serves filters and sorts, such as items.price, or items.category+price for both at once. Repeatable."`
	IDs          []string `group:"Data" name:"ids" placeholder:"ITEMS=KIND" help:"How POST numbers a collection: items=number (the default), items=uuid, or items=prefix:A for A1, A2 and so on. Repeatable."`
	DeclaredOnly bool     `group:"Data" help:"Serve only the collections that --index, --ids, --keep-changes or the configuration file name. Without it a collection exists as soon as it is named."`

	Publish []crud.RoomPattern `group:"Data" placeholder:"ROOM" help:"Room that clients may PUBLISH events to, which are not stored: chat for those subscribed to the collection, chat/* for those to one of its items; * stands for any text. Repeatable. Without it nobody may."`

	Bookmark Duration `group:"Data" default:"1m" help:"After how long without an event a subscription is told how far it has come (BOOKMARK), so that it has little to catch up with after a reconnection."`

	RecoverFor Optional `group:"Limits" default:"24h" help:"How long a client whose connection was lost can come back to its subscriptions (connection state recovery); 0 switches it off."`

	MaxItem          Size  `group:"Limits" default:"1MB" help:"Largest item."`
	MaxDepth         Count `group:"Limits" default:"64" help:"Most arrays and objects of an item within each other; 64 at the most."`
	MaxAnswer        Size  `group:"Limits" default:"16MB" help:"Largest answer. A larger one is refused with TOO_LARGE."`
	MaxSnapshot      Count `group:"Limits" default:"10000" help:"Most items in the snapshot of a subscription."`
	MaxSubscriptions Count `group:"Limits" default:"256" help:"Most subscriptions of one socket."`
	MaxFilterBytes   Size  `group:"Limits" default:"2MB" help:"Most bytes of memory, about, that their filters take together."`
	MaxPending       Count `group:"Limits" default:"1024" help:"Most requests of one socket that are under way at once; further ones wait their turn unread."`
	MaxPendingBytes  Size  `group:"Limits" default:"2MB" help:"Most bytes of such requests together."`
	MaxPendingTotal  Size  `group:"Limits" default:"64MB" help:"Most bytes of the writes of all sockets that are under way at once; further ones wait their turn unread."`
	RequestRate      Count `group:"Limits" default:"1000000" help:"Requests a second of one socket; ten times as many may come at once. Further ones are refused with RATE_LIMITED. The default is more than one processor answers: set it lower to hold greedy clients back. Over plain HTTP: --request-rate-per-address."`

	KeepChanges []string `group:"Limits" sep:"none" placeholder:"[ITEMS=]AGE,NUMBER" default:"30d,10000000" help:"How much of the change log is kept, for resuming and for histories: an age, a number of changes, both or all. As items=7d of one collection alone, else of all those without, together. Repeatable."`

	KeepKeys     Duration `group:"Limits" default:"24h" help:"How long an idempotency key is known: within this time a write that comes again under its key gets its first answer, and changes nothing."`
	MaxKeys      Count    `group:"Limits" default:"1000000" help:"Most keys that are known. Beyond it the oldest are forgotten."`
	MaxKeysBytes Size     `group:"Limits" default:"1GB" help:"Most bytes of keys and their answers in the data file. Beyond it the oldest are forgotten."`

	MaxRecoverable      Count `group:"Limits" default:"100000" help:"Most sockets with subscriptions, connected or not, that can be recovered. Beyond it the oldest are forgotten."`
	MaxRecoverableBytes Size  `group:"Limits" default:"256MB" help:"Most bytes of what is kept for that in the data file. Beyond it the oldest are forgotten."`

	MaxMessage     Size  `group:"Messages" default:"2MB" help:"Largest message from a client, and polling body. A larger one closes its connection."`
	MaxPackets     Count `group:"Messages" default:"100000" help:"Most packets in one polling body. More close the connection."`
	MaxAttachments Count `group:"Messages" default:"10" help:"Most binary attachments of one packet. More close the connection."`
	MaxBinary      Size  `group:"Messages" default:"16MB" help:"Most bytes of such attachments together. More close the connection."`
	MaxWaiting     Size  `group:"Messages" default:"1MB" help:"Most bytes that one connection may have kept while it joins namespaces. Over it CONNECT is refused."`

	PingInterval   Duration `group:"Connections" default:"25s" help:"How often a connection is asked whether it still lives."`
	PingTimeout    Duration `group:"Connections" default:"20s" help:"How long it may take to answer that."`
	ConnectTimeout Duration `group:"Connections" default:"45s" help:"How long a connection may stay without joining a namespace."`
	UpgradeTimeout Duration `group:"Connections" default:"10s" help:"How long an upgrade from polling to WebSocket may take."`
	AllowEIO3      bool     `group:"Connections" name:"allow-eio3" help:"Serve socket.io-client 2.x too, which speaks Engine.IO protocol 3 (not JSONP)."`
	Deflate        bool     `group:"Connections" help:"Compress WebSocket messages from 1 KB on where the client offers it (permessage-deflate). It saves bandwidth and costs processor time."`
	HeaderTimeout  Duration `group:"Connections" default:"10s" help:"How long a TCP connection may take to send the head of an HTTP request."`
	BodyTimeout    Duration `group:"Connections" default:"1m" help:"How long all of an HTTP request may take to arrive. Of a polling body: a ping interval and a ping timeout."`
	AnswerTimeout  Duration `group:"Connections" default:"5m" help:"How long the answer to an HTTP request may take, where it is no poll and no stream."`
	IdleTimeout    Duration `group:"Connections" default:"2m" help:"How long a TCP connection may wait for its next HTTP request."`
	MaxNamespaces  Count    `group:"Connections" default:"100" help:"Most namespaces of one connection."`

	MaxConnections           Count     `group:"Clients" default:"20000" help:"Most connections; also half of the most TCP connections that are no WebSockets. Further ones are told to come later."`
	MaxConnectionsPerAddress Count     `group:"Clients" default:"2000" help:"The same for one address, or one /64 of IPv6. The addresses of this machine itself have no such bound."`
	HandshakeRate            Count     `group:"Clients" default:"2000" help:"New connections a second; ten times as many may come at once. Further ones are told to come later."`
	HandshakeRatePerAddress  Count     `group:"Clients" default:"100" help:"The same for one address."`
	RequestRatePerAddress    Count     `group:"Clients" default:"1000000" help:"Requests a second over plain HTTP (/api/v2, /ws) of one address; ten times as many may come at once. Further ones are refused with RATE_LIMITED."`
	TrustedProxy             []Network `group:"Clients" placeholder:"CIDR" help:"Address, or range, of a proxy whose X-Forwarded-For tells who the client is. Repeatable. Without it everybody behind a proxy has its address."`
	MetricsFrom              []Network `group:"Clients" placeholder:"CIDR" default:"127.0.0.0/8,::1" help:"Clients that may read /metrics. Repeatable. A proxy on this machine must be a --trusted-proxy, or it lets everybody read."`

	HighWater    Size     `group:"Slow clients" default:"1MB" help:"Bytes waiting for a client over which its events stay in the log, until half of that is left."`
	MaxBuffered  Size     `group:"Slow clients" default:"4MB" help:"Most bytes of answers and other events that wait for a client. Over it the client is cut off, and reconnects."`
	MaxMemory    Size     `group:"Slow clients" default:"1GB" help:"Memory in use over which the connections that hold most of it are cut off, those of one address first."`
	StallTimeout Duration `group:"Slow clients" default:"10s" help:"How long a client for whom something waits may take nothing of it. Then it is cut off, and reconnects."`

	LogLevel  string `group:"Logs" default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error. Logs go to the standard error output."`
	LogFormat string `group:"Logs" default:"text" enum:"text,json" help:"Form of the logs: text or json."`
	Version   bool   `group:"Logs" help:"Print the version and exit."`

	collections map[string]collections.Collection
	keep        collections.Keep // of those without one of their own
	generated   int              // of --seed
}
