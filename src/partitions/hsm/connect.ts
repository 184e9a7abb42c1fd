import type { Socket } from 'node:net'
import { KmipError } from '../../../spec/kmip-error.ts'
import { MessageStream } from '../../processes/message-stream.ts'
import type { Partition, PartitionStreams } from '../partition.ts'
import { type Answer, type Call, largestFrame, remoteMethods, remoteStreamMethods, secrets } from './calls.ts'

export interface HsmConnection {
  /**
   * A partition that the hsm process serves; the process says so when it has none of this name.
   * @param epoch that of its definition: the process takes it for the current one before it does anything else
   */
  partition(name: string, epoch?: number): Partition
  close(): Promise<void>
}

/** Which partition, and at which epoch. */
interface Called {
  readonly name: string
  readonly epoch: number | undefined
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: KmipError) => void
}

interface Live {
  readonly socket: Socket
  readonly stream: MessageStream<Call, Answer>
  readonly pending: Map<number, Pending>
}

/**
 * The partitions of the node's hsm process, for a worker. It connects at the first call and again at the first call
 * after the connection broke; calls under way then fail with General Failure: whether they were done is not known.
 */
export function connectHsm(socketPath: string): HsmConnection {
  const connection = new Connection(socketPath)
  return {
    partition: (name, epoch) => remotePartition(connection, { name, epoch }),
    close: async () => connection.close(),
  }
}

class Connection {
  readonly #path: string
  #live: Live | undefined
  #closed = false
  #nextId = 0

  constructor(path: string) {
    this.#path = path
  }

  call({ name, epoch }: Called, method: Call['method'], values: readonly unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(new KmipError('GeneralFailure', 'The connection to the hsm process is closed.'))
    const live = this.#live ?? this.#connect()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      live.pending.set(id, { resolve, reject })
      live.stream.send({ id, partition: name, epoch, method, arguments: values })
    })
  }

  close(): void {
    this.#closed = true
    this.#live?.socket.destroy()
  }

  #connect(): Live {
    const pending = new Map<number, Pending>()
    const onAnswer = (answer: Answer) => {
      const call = pending.get(answer.id)
      pending.delete(answer.id)
      if ('reason' in answer) call?.reject(new KmipError(answer.reason, answer.message, { retry: answer.retry }))
      else call?.resolve(answer.result)
    }
    const { socket, stream } = MessageStream.connect<Call, Answer>(this.#path, largestFrame, onAnswer, secrets)
    let cause: Error | undefined
    socket.on('error', (error) => {
      cause = error
    })
    socket.on('close', () => {
      if (this.#live?.socket === socket) this.#live = undefined
      const why = cause === undefined ? 'it closed the connection' : cause.message
      for (const { reject } of pending.values()) {
        reject(
          new KmipError(
            'GeneralFailure',
            `The hsm process at ${this.#path} is not answering: ${why}. Try again; if it goes on, see the node's log.`,
            { cause },
          ),
        )
      }
      pending.clear()
    })
    this.#live = { socket, stream, pending }
    return this.#live
  }
}

function remotePartition(connection: Connection, called: Called): Partition {
  const methods = remoteMethods.map((method) => [method, (...values: unknown[]) => connection.call(called, method, values)])
  return {
    name: called.name,
    kind: 'pkcs11',
    ...Object.fromEntries(methods),
    streams: remoteStreams(connection, called),
    forget: (handle: string) => {
      // Nobody waits for it, and a process that is gone holds nothing.
      connection.call(called, 'forget', [handle]).catch(() => {})
    },
    close: async () => {},
  } as Partition
}

function remoteStreams(connection: Connection, called: Called): PartitionStreams {
  const methods = remoteStreamMethods.map((method) => [
    method,
    (...values: unknown[]) => connection.call(called, `streams.${method}`, values),
  ])
  return {
    ...Object.fromEntries(methods),
    abandon: (stream: string) => {
      connection.call(called, 'streams.abandon', [stream]).catch(() => {})
    },
  } as PartitionStreams
}
