// Package session is one connection to PostgreSQL, watched over: statements by the simple query protocol, which is psql's, COPY, a
// queue of statements whose answers are read later, what an error means, and what became of a transaction whose COMMIT was not
// answered. It knows nothing of scripts or tables.
//
// # Whose connection it is
//
// pgx makes the connection (addresses, TLS, authentication, timeouts), and this package then writes messages to its net.Conn itself
// while it reads through [pgconn.PgConn.ReceiveMessage]: pgconn's own Exec does not serve, because it must know beforehand whether
// the server will ask for COPY rows, and only the server can tell. [pgconn.PgConn.SyncConn], which pgconn asks for before direct use
// of its net.Conn, is not needed for that. It drains what pgconn has read ahead, and ends a read that goes on in the background,
// lest the reader of the net.Conn miss those bytes; but nobody here reads the net.Conn. What pgconn has read ahead is what
// ReceiveMessage gives first. For writing, pgconn holds nothing back: every call of it flushes before it returns. (TestDirectWrites.)
//
// # Every wait for the server has an end
//
// A watcher looks after the connection while it is silent, over a second one, and so finds out what the first cannot say.
//
//	state                                    who watches                              bound                        test
//	connecting, each attempt                 pgx                                      connect_timeout, else 10 s   TestSilentServer/at the start
//	connecting, all attempts                 Open                                     ConnectTimeout               TestReach (load)
//	asking who serves us                     Open                                     askTimeout                   TestSilentServer/when asked who it is
//	a statement's answer, COPY's too:
//	  the server works                       none: work may take hours                what the script or role sets -
//	  it waits for another session's lock    watcher, that asks for a cancel          LockTimeout                  TestLockTimeout (load), TestWatcher/lock
//	  the cancel is not obeyed               watcher, that drops the connection       cancelGrace                  TestWatcher/cancel without effect
//	  it waits for us, and we for it         watcher                                  ConnectTimeout, else 10 s    TestWatcher/both wait
//	  its process is gone                    watcher                                  the next look                TestWatcher/gone
//	  it was started anew                    watcher                                  ConnectTimeout, else 10 s    TestWatcher/started anew
//	  nobody can be reached                  watcher                                  ConnectTimeout, else 10 s    TestWatcher/not reached
//	  it can be reached, and lets no second  the system (keepalive), and the server   45 s without an answer to    TestFaults/database/lock held, no
//	  connection in, or a pooler shares it   (lock_timeout, set by Begin or Ready)    keepalive; LockTimeout + 5 s second connection to look (faults)
//	  ctx ends                               the call, that asks for a cancel         cancelGrace, twice           TestCancel
//	the rows of a COPY do not go             as for an answer                                                      TestCopyRefused
//	the advisory lock's statement            as for an answer; who serves us is       LockTimeout                  TestSoak (faults), TestLostReason
//	                                         known before it is sent
//	an answer in a failed transaction,       the call                                 cancelGrace                  TestCancel/in a failed transaction
//	when ctx has ended
//	ROLLBACK                                 the caller's ctx, and as for an answer   rollbackTimeout (load)       TestInterrupt (faults)
//	\connect                                 as for connecting                                                     TestFaults/database/\connect meets silence
//	the watcher's own connection             poll                                     ConnectTimeout, at most 10 s TestWatcher/not reached
//	what became of a COMMIT                  Fate                                     20 questions of askTimeout   TestFate
//	ending a lost session's process          Terminate                                askTimeout                   TestSoak (faults)
//	saying goodbye                           Close                                    closeTimeout                 TestSilentServer/at the end
package session
