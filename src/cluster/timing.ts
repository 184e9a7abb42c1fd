/** How long the ledger waits for what, in milliseconds. */
export interface Timing {
  /** A barrier that takes longer fails. Longer than an election. */
  readonly barrier: number
  /** A commit that is neither applied nor refused by then is answered as unknown. Longer than an election. */
  readonly commit: number
  /** One transaction sent to one member; an answer later than this counts as lost. */
  readonly attempt: number
  /** How often an idle ledger asks whether there is a majority. */
  readonly probe: number
}

export const defaultTiming: Timing = { barrier: 3000, commit: 8000, attempt: 1000, probe: 500 }

/**
 * etcd asks its leader again after 500 ms, and could before its 2026 fixes answer such a repeated read with an old revision when a
 * member had been paused (etcd #20418). A read that took nearly as long is therefore worth nothing and is asked anew.
 */
export const freshReadMilliseconds = 400

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
