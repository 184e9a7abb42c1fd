import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LoadResult } from './load.ts'
import type { LoadTask } from './load-process.ts'

const here = dirname(fileURLToPath(import.meta.url))

/** Runs one load in a process of its own. */
export function runLoad(task: LoadTask): Promise<LoadResult> {
  const child = spawn(process.execPath, [join(here, 'load-process.js')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(task))
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`the load process ended with ${code}`))))
  })
}

export interface Floor {
  readonly port: number
  stop(): void
}

/** The bare mutual-TLS echo whose answers have so many bytes. `files`: certificate, key and authority of the server, PEM files. */
export async function startEcho(files: readonly [string, string, string], answerBytes: number): Promise<Floor> {
  const child = spawn(process.execPath, [join(here, 'echo.js'), ...files, String(answerBytes)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = Number(await firstLine(child))
  return { port, stop: () => child.kill('SIGKILL') }
}

/** The first line that a child prints. @throws when it ends before */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a process of the benchmark ended with ${code} before it was ready`)))
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve)
  })
}

/** A process's private memory in MiB: what it alone holds; pages of files, such as the mapped store, are apart. */
export function privateMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps`, 'utf8')
  let isAnonymous = false
  let kilobytes = 0
  for (const line of rollup.split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)/.exec(line)
    if (mapping !== null) isAnonymous = mapping[1] === '0'
    const amount = /^Private_(?:Clean|Dirty):\s+(\d+) kB/.exec(line)
    if (amount !== null && isAnonymous) kilobytes += Number(amount[1])
  }
  return Math.round(kilobytes / 1024)
}
