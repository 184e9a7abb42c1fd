/**
 * The admin API: HTTP on a Unix socket in the data folder, which only its owner can open. A call is `POST /NAME` with a JSON
 * object; the answer is `{"result": ...}`, or `{"error": "..."}` with a sentence for people.
 */
export const adminSocket = 'run/admin.sock'

/** Bytes of a call at most. */
export const maximumCall = 1024 * 1024

/** Bytes of a Unix socket's path that every system takes (sun_path is 104 on macOS, 108 on Linux). */
export const longestSocketPath = 103
