import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { KmipError } from '../../../spec/kmip-error.ts'
import { MessageStream } from '../../processes/message-stream.ts'
import type { Partition } from '../partition.ts'
import { type Answer, type Call, largestFrame, type RemoteMethod, remoteMethods, secrets } from './calls.ts'
import { StreamCalls } from './stream-calls.ts'

export interface HsmServer {
  /** Closes the socket and every connection; the partitions stay open, they are the caller's. */
  close(): Promise<void>
}

/**
 * Serves partitions on a Unix socket to the workers of this node: the one process that holds PINs and loads modules.
 * The socket is for its owner alone (mode 0600): who may connect may use every key of these partitions.
 */
export async function serveHsm(socketPath: string, partitions: ReadonlyMap<string, Partition>): Promise<HsmServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const streams = new StreamCalls()
    socket.on('close', () => {
      sockets.delete(socket)
      streams.close()
    })
    // A worker that goes away needs no answer.
    socket.on('error', () => {})
    const onCall = (call: Call) => void answer(partitions, streams, call).then((message) => stream.send(message))
    const stream: MessageStream<Answer, Call> = new MessageStream(socket, largestFrame, onCall, secrets)
  })
  // A socket file that a killed process left would be in the way.
  rmSync(socketPath, { force: true })
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath, resolve)
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(socketPath, 0o600)
  return {
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

const known: ReadonlySet<string> = new Set(remoteMethods)

function isRemote(method: Call['method']): method is RemoteMethod {
  return known.has(method)
}

async function answer(partitions: ReadonlyMap<string, Partition>, streams: StreamCalls, call: Call): Promise<Answer> {
  const { id } = call
  try {
    const partition = partitions.get(call.partition)
    if (partition === undefined)
      throw new KmipError('GeneralFailure', `Partition ${call.partition} is not open on this node; its log and /readyz say why.`)
    if (call.epoch !== undefined) await partition.atEpoch?.(call.epoch)
    const values = call.arguments
    const streamed = streams.find(partition, call.method)
    if (streamed !== undefined) return { id, result: await streamed(values) }
    if (!isRemote(call.method)) throw new KmipError('GeneralFailure', `The hsm process has no call ${call.method}.`)
    const method = partition[call.method] as (...values: unknown[]) => unknown
    return { id, result: await Reflect.apply(method, partition, values) }
  } catch (error) {
    if (error instanceof KmipError) return { id, reason: error.reason, message: error.message, retry: error.retry }
    return {
      id,
      reason: 'GeneralFailure',
      message: `Partition ${call.partition} failed at ${call.method}: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}
