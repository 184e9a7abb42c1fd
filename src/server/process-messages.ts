import type { LogLevel } from './log.ts'
import type { MetricsSnapshot } from './metrics.ts'

/** What the primary process tells its children. Plain JSON. */
export type ToChild =
  /** The first message: what the child needs to begin, as its role defines it. */
  | { readonly type: 'start'; readonly setup: unknown }
  /** 48 bytes, base64: the keys of session tickets from now on. */
  | { readonly type: 'ticketKeys'; readonly keys: string }
  /** Certificates, authorities or revocation lists on disk have changed. */
  | { readonly type: 'reload' }
  /** Something that a role's setup told has changed: the hsm process gets partitions so. */
  | { readonly type: 'update'; readonly value: unknown }
  | { readonly type: 'logLevel'; readonly level: LogLevel }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'problems'; readonly id: number }
  /** Finish within so many milliseconds, then exit. */
  | { readonly type: 'stop'; readonly milliseconds: number }

/** What a child tells the primary. */
export type FromChild =
  /** It listens: what a child is sent before it has loaded its program would be lost. */
  | { readonly type: 'awake' }
  | { readonly type: 'ready'; readonly ports: Readonly<Record<string, number>> }
  /** It cannot begin, and why; it exits afterwards. */
  | { readonly type: 'failed'; readonly why: string }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly type: 'problems'; readonly id: number; readonly problems: PartitionProblems }

/** Why partitions cannot be used, a sentence with the cure by each one's name. Their tenants are refused; the others are served. */
export type PartitionProblems = Readonly<Record<string, string>>

/** What a child process does in its role. */
export interface ChildService {
  /** Ports it listens on, by name. */
  readonly ports: Readonly<Record<string, number>>
  snapshot(): Promise<MetricsSnapshot>
  problems(): PartitionProblems
  setTicketKeys(keys: Buffer): void
  reload(): Promise<void>
  update?(value: unknown): Promise<void>
  setLogLevel(level: LogLevel): void
  stop(milliseconds: number): Promise<void>
}

/**
 * Runs a role in this process, under the primary that started it: begins when told, serves, and ends with it. A child whose primary is gone
 * stops too: without the ledger it can serve nothing.
 */
export function serveAsChild(begin: (setup: unknown) => Promise<ChildService>): void {
  if (process.send === undefined) throw new Error("This process is one of a node's children; start the node itself: tresor serve")
  let service: Promise<ChildService> | undefined
  const end = async (milliseconds: number) => {
    if (service === undefined) process.exit(0)
    await (await service).stop(milliseconds)
    process.exit(0)
  }
  process.on('disconnect', () => void end(orphanedFor).catch(() => process.exit(1)))
  // The primary decides when a node stops; a terminal's Ctrl-C reaches its children too.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  process.on('message', (message: ToChild) => {
    if (message.type === 'start') {
      service ??= begin(message.setup)
      service.then(
        ({ ports }) => tell({ type: 'ready', ports }),
        (error: unknown) => tell({ type: 'failed', why: error instanceof Error ? error.message : String(error) }, () => process.exit(1)),
      )
      return
    }
    if (message.type === 'stop') return void end(message.milliseconds).catch(() => process.exit(1))
    void service?.then((running) => obey(running, message)).catch(() => undefined)
  })
  tell({ type: 'awake' })
}

async function obey(service: ChildService, message: Exclude<ToChild, { readonly type: 'start' | 'stop' }>): Promise<void> {
  switch (message.type) {
    case 'ticketKeys':
      return service.setTicketKeys(Buffer.from(message.keys, 'base64'))
    case 'reload':
      return service.reload()
    case 'update':
      return service.update?.(message.value)
    case 'logLevel':
      return service.setLogLevel(message.level)
    case 'metrics':
      return tell({ type: 'metrics', id: message.id, snapshot: await service.snapshot() })
    case 'problems':
      return tell({ type: 'problems', id: message.id, problems: service.problems() })
  }
}

function tell(message: FromChild, then?: () => void): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => then?.())
  else then?.()
}

/** Milliseconds that requests in progress have when the primary is gone. */
const orphanedFor = 1000
