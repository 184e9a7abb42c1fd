import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./tresor-program.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command to its end. */
export async function tresor(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [program, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), exitOf(child)])
  return { code, stdout, stderr }
}

/** The JSON object of a command's last line. @throws Error with what it said when it failed */
export async function tresorJson<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await tresor([...args, '--json'])
  if (code !== 0) throw new Error(`tresor ${args.join(' ')}: exit code ${code}: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T
}

export interface RunningProgram {
  /** The JSON lines up to and with `ready`. */
  readonly events: readonly Readonly<Record<string, unknown>>[]
  /** HOST:PORT. */
  readonly kmip: string
  readonly pid: number
  /** Sends a signal and answers the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `start` or `serve` with --json and waits until it is ready. @throws Error with what it said when it ends before */
export async function running(...args: readonly string[]): Promise<RunningProgram> {
  const child = spawn(process.execPath, [program, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = exitOf(child)
  const said = textOf(child.stderr)
  const events: Record<string, unknown>[] = []
  const ready = await new Promise<Record<string, unknown> | undefined>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as Record<string, unknown>
      events.push(event)
      if (event.event === 'ready') resolve(event)
    })
    void exit.then(() => resolve(undefined))
  })
  if (ready === undefined) throw new Error(`tresor ${args.join(' ')} ended with exit code ${await exit}: ${await said}`)
  return {
    events,
    kmip: String(ready.kmip),
    pid: child.pid ?? 0,
    end: (signal = 'SIGTERM') => {
      child.kill(signal)
      return exit
    },
  }
}

/** A folder for one test file, and what removes it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tresor-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}
