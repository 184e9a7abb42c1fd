import { request } from 'node:http'
import { join } from 'node:path'
import { adminSocket } from './protocol.ts'

/** Nobody listens on the data folder's socket. */
export class NodeNotRunning extends Error {
  constructor(dataDirectory: string) {
    super(`no node is running on ${dataDirectory}; start it: tresor --data ${dataDirectory} serve`)
    this.name = 'NodeNotRunning'
  }
}

/** Calls the node that runs on a data folder. @throws NodeNotRunning, or an Error with the node's sentence */
export async function callAdmin(dataDirectory: string, method: string, parameters: unknown = {}): Promise<unknown> {
  const { status, text } = await post(dataDirectory, method, JSON.stringify(parameters))
  const answer = JSON.parse(text) as { result?: unknown; error?: string }
  if (status !== 200) throw new Error(answer.error ?? `the node answered ${status}`)
  return answer.result
}

function post(dataDirectory: string, method: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: join(dataDirectory, adminSocket), path: `/${method}`, method: 'POST' }, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    call.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? new NodeNotRunning(dataDirectory) : error)
    })
    call.end(body)
  })
}
