import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { ValueReader, ValueWriter } from '../../processes/value-codec.ts'
import { DeviceSession, failure } from './device-session.ts'
import { attachModule } from './module.ts'
import { type Asked, asBuffer, type Ending, type Told } from './thread-messages.ts'

/*
 * The program of a thread that has a session of its own: calls in, answers out, in the order in which they came. The process has loaded,
 * initialized and logged in already, and it finalizes; here is only another way to the same functions.
 */

function serve(port: MessagePort, { module, slot }: { readonly module: string; readonly slot: Uint8Array }): void {
  const library = attachModule(module)
  const reader = new ValueReader()
  const writer = new ValueWriter()
  let session: DeviceSession | undefined
  const answer = ({ call, values }: Asked): Told => {
    const start = performance.now()
    try {
      session ??= new DeviceSession(library, asBuffer(slot))
      const method = session[call] as (...given: unknown[]) => unknown
      const result = method.apply(session, values as unknown[])
      return { result, milliseconds: performance.now() - start }
    } catch (error) {
      const { message, code, phase } = failure(error, 'setup')
      return { message, code, phase }
    }
  }
  port.on('message', (message: Uint8Array | Ending) => {
    if (typeof message !== 'string') return port.postMessage(writer.write(answer(reader.read(asBuffer(message)) as Asked)))
    if (message === 'close') session?.close()
    library.close()
    port.close()
  })
}

if (parentPort !== null) serve(parentPort, workerData as { readonly module: string; readonly slot: Uint8Array })
