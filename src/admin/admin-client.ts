import { request } from 'node:http'
import { join } from 'node:path'
import { adminSocket, longCalls, longestAnswer } from './protocol.ts'

/** Nobody listens on the data folder's socket. */
export class NodeNotRunning extends Error {
  constructor(dataDirectory: string) {
    super(`no node is running on ${dataDirectory}; start it: tresor --data ${dataDirectory} serve`)
    this.name = 'NodeNotRunning'
  }
}

/**
 * Calls the node that runs on a data folder.
 * @param patience milliseconds to wait for an answer; not for one of the `longCalls`
 * @throws NodeNotRunning, or an Error with the node's sentence, or that there was no answer
 */
export async function callAdmin(
  dataDirectory: string,
  method: string,
  parameters: unknown = {},
  patience: number = longestAnswer,
): Promise<unknown> {
  const { status, text } = await post(dataDirectory, method, JSON.stringify(parameters), longCalls.has(method) ? undefined : patience)
  const answer = JSON.parse(text) as { result?: unknown; error?: string }
  if (status !== 200) throw new Error(answer.error ?? `the node answered ${status}`)
  return answer.result
}

function post(
  dataDirectory: string,
  method: string,
  body: string,
  patience: number | undefined,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = patience === undefined ? undefined : AbortSignal.timeout(patience)
    const call = request(
      { socketPath: join(dataDirectory, adminSocket), path: `/${method}`, method: 'POST', ...(signal && { signal }) },
      (response) => {
        response.setEncoding('utf8')
        let text = ''
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', (error) => reject(signal?.aborted === true ? noAnswer(dataDirectory, method, patience) : error))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) return reject(noAnswer(dataDirectory, method, patience))
      reject(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? new NodeNotRunning(dataDirectory) : error)
    })
    call.end(body)
  })
}

function noAnswer(dataDirectory: string, method: string, patience = 0): Error {
  return new Error(
    `the node on ${dataDirectory} did not answer ${method} within ${patience / 1000} s: it hangs, or waits for something that does. What was asked may be done still: look at its log and /readyz before it is asked again`,
  )
}
