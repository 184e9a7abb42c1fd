import type { NodePlace } from '../../src/cli/scratch-cluster.ts'

/** What goes from one node to another one, or to or from the clients, as long as the rule is in force. */
export interface LinkRule {
  readonly from: number | 'clients'
  readonly to: number | 'clients'
  /** The part of what is sent that is lost, 0 to 1. */
  readonly loss?: number
  /** Milliseconds by which it is late. */
  readonly delay?: number
}

/** The lines between nodes and their clients, which can be made bad. */
export interface Network {
  readonly kind: 'namespaces' | 'proxies'
  /** Whether the lines between nodes and clients can be made bad, too. */
  readonly reachesClients: boolean
  /** What it cannot do, or does otherwise than a real line, as sentences; for the report. */
  readonly limits: readonly string[]
  place(index: number): NodePlace
  /** Puts rules in force beside those that are; resolves when they are. The function that it answers takes them back. */
  impose(rules: readonly LinkRule[]): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** Both directions between some of the ends and all of the others. */
export function between(some: readonly LinkRule['from'][], others: readonly LinkRule['from'][], what: Pick<LinkRule, 'loss' | 'delay'>) {
  return some.flatMap((a) =>
    others.flatMap((b): LinkRule[] => [
      { from: a, to: b, ...what },
      { from: b, to: a, ...what },
    ]),
  )
}
