import { spawn } from 'node:child_process'
import { Secret } from '../../objects/secret.ts'
import { rootSecretLength } from '../key-file.ts'

/**
 * The root secret that a command writes to its standard output: 32 bytes as they are, or 64 hexadecimal digits and at most one line end. It
 * runs without a shell and with nothing to read; what it writes to standard error is not kept, so that no log holds it.
 * @throws Error that names the command and how it ended, and never what it wrote.
 */
export async function secretOfCommand(command: readonly string[], milliseconds: number = commandMilliseconds): Promise<Secret> {
  const [program = '', ...given] = command
  const shown = `root.command (${program})`
  const child = spawn(program, given, { shell: false, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  const output: Buffer[] = []
  let length = 0
  const kill = () => {
    try {
      // Its own children, too: they may hold its output open.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended, and who holds its output is none of its group any more.
    }
    child.stdout.destroy()
  }
  child.stdout.on('data', (part: Buffer) => {
    length += part.length
    if (length <= longestOutput) output.push(part)
  })
  let late = false
  const timer = setTimeout(() => {
    late = true
    kill()
  }, milliseconds)
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(new Error(`${shown} cannot be run (${error.code ?? error.message})`)))
      child.once('close', (...ended) => resolve(ended))
    })
    if (late) throw new Error(`${shown} did not end within ${milliseconds / 1000} s, and was ended`)
    if (code !== 0)
      throw new Error(
        `${shown} ended with ${code === null ? `signal ${signal}` : `exit code ${code}`}; run it yourself to see what it says`,
      )
    return readOutput(shown, Buffer.concat(output), length)
  } finally {
    clearTimeout(timer)
    for (const part of output) part.fill(0)
  }
}

function readOutput(shown: string, bytes: Buffer, length: number): Secret {
  try {
    if (length === rootSecretLength) return new Secret(Buffer.from(bytes))
    const text = bytes.toString('latin1').replace(/\r?\n$/, '')
    if (length <= longestOutput && /^[0-9a-fA-F]{64}$/.test(text)) return new Secret(Buffer.from(text, 'hex'))
    throw new Error(`${shown} wrote ${length} bytes; it must write ${rootSecretLength} bytes, or 64 hexadecimal digits, and nothing else`)
  } finally {
    bytes.fill(0)
  }
}

const commandMilliseconds = 30_000
/** 64 digits and a line end. */
const longestOutput = 66
