/**
 * The admin API: HTTP on a Unix socket in the data folder, which only its owner can open. A call is `POST /NAME` with a JSON
 * object; the answer is `{"result": ...}`, or `{"error": "..."}` with a sentence for people.
 */
export const adminSocket = 'run/admin.sock'

/** Bytes of a call at most. */
export const maximumCall = 1024 * 1024

/** Milliseconds in which a call is answered, but for those below: far more than any takes on a busy machine. */
export const longestAnswer = 60_000

/** Calls whose work takes as long as it takes. */
export const longCalls: ReadonlySet<string> = new Set(['cluster.backup'])

/** Bytes of a Unix socket's path that every system takes (sun_path is 104 on macOS, 108 on Linux). */
export const longestSocketPath = 103
