import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { DeviceSession, failure } from './device-session.ts'
import { attachModule } from './module.ts'
import { type Asked, asBuffers, type Ending, type Told, tight } from './thread-messages.ts'

/*
 * The program of a thread that has a session of its own: calls in, answers out, in the order in which they came. The process has loaded,
 * initialized and logged in already, and it finalizes; here is only another way to the same functions.
 */

function serve(port: MessagePort, { module, slot }: { readonly module: string; readonly slot: Uint8Array }): void {
  const library = attachModule(module)
  let session: DeviceSession | undefined
  const answer = ({ call, values }: Asked): Told => {
    const start = performance.now()
    try {
      session ??= new DeviceSession(library, asBuffers(slot) as Buffer)
      const method = session[call] as (...given: unknown[]) => unknown
      const result = tight(method.apply(session, asBuffers(values) as unknown[]))
      return { result, milliseconds: performance.now() - start }
    } catch (error) {
      const { message, code, phase } = failure(error, 'setup')
      return { message, code, phase }
    }
  }
  port.on('message', (asked: Asked | Ending) => {
    if (typeof asked !== 'string') return port.postMessage(answer(asked))
    if (asked === 'close') session?.close()
    library.close()
    port.close()
  })
}

if (parentPort !== null) serve(parentPort, workerData as { readonly module: string; readonly slot: Uint8Array })
