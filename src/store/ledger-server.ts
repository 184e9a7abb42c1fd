import { randomUUID } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { KmipError } from '../../spec/kmip-error.ts'
import { MessageStream } from '../processes/message-stream.ts'
import type { CommitOutcome, Ledger } from './ledger.ts'
import { type Asked, type BarrierKind, type FromLedger, largestFrame, type ToLedger, type ToldError } from './ledger-wire.ts'
import { formatOf } from './record-format.ts'

export type { BarrierKind } from './ledger-wire.ts'

export interface LedgerServer {
  close(): Promise<void>
}

/** Milliseconds between two looks at the ledger's state, which workers are told of when it changes. */
const healthEvery = 250
/** What the systems' socket addresses hold, the end mark left off. */
const longestPath = 103
/** Tells this process from those before it: what was proposed to one that is gone never will be committed. */
const instance = randomUUID()

/**
 * Serves the node's ledger to its worker processes on a Unix socket, mode 0600.
 * `barrier` says what a worker's barrier takes: with the embedded ledger a look at the shared file is enough.
 */
export async function serveLedger(ledger: Ledger, socketPath: string, barrier: BarrierKind): Promise<LedgerServer> {
  if (Buffer.byteLength(socketPath) > longestPath)
    throw new Error(`${socketPath}: a socket's path has at most ${longestPath} bytes; use a data folder with a shorter path`)
  rmSync(socketPath, { force: true })
  const sockets = new Map<Socket, MessageStream<FromLedger, ToLedger>>()
  const server = createServer((socket) => {
    const stream: MessageStream<FromLedger, ToLedger> = new MessageStream(socket, largestFrame, (message) =>
      answer(ledger, message, stream),
    )
    sockets.set(socket, stream)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    stream.send({ hello: { barrier, instance } })
    stream.send(stateOf(ledger))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  chmodSync(socketPath, 0o600)

  let told = stateOf(ledger)
  const health = setInterval(() => {
    const state = stateOf(ledger)
    if (state.problem === told.problem && state.format === told.format) return
    told = state
    for (const stream of sockets.values()) stream.send(state)
  }, healthEvery)
  health.unref()

  return {
    close: () =>
      new Promise((resolve) => {
        clearInterval(health)
        server.close(() => resolve())
        for (const socket of sockets.keys()) socket.destroy()
      }),
  }
}

function stateOf(ledger: Ledger) {
  return { problem: ledger.problem(), format: formatOf(ledger) }
}

function answer(ledger: Ledger, message: ToLedger, stream: MessageStream<FromLedger, ToLedger>): void {
  const { call } = message
  carryOut(ledger, message).then(
    (outcome) => stream.send(outcome === undefined ? { call } : { call, outcome }),
    (error: Error) => stream.send({ call, error: told(error) }),
  )
}

async function carryOut(ledger: Ledger, asked: Asked): Promise<CommitOutcome | undefined> {
  if ('commit' in asked) return await ledger.commit(asked.commit)
  if ('barrier' in asked) await ledger.barrier(asked.barrier)
  else await ledger.earlierSettled?.()
  return undefined
}

function told(error: Error): ToldError {
  const { message } = error
  return error instanceof KmipError ? { reason: error.reason, message, retry: error.retry } : { reason: 'GeneralFailure', message }
}
