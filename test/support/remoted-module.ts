import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { softHsm } from './softhsm.ts'

const program = '/usr/libexec/p11-kit/p11-kit-server'
const clients = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/pkcs11/p11-kit-client.so`)

/** A SoftHSM token that another process holds, reached through p11-kit's module. */
export interface RemotedModule {
  readonly module: string
  readonly pinFile: string
  /** Kills the process that holds the token, at once. */
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

/** One for each process: p11-kit's module reads its address from the environment. @throws Error saying what to install. */
export async function remotedModule(label: string): Promise<RemotedModule> {
  const module = clients.find((path) => existsSync(path))
  if (module === undefined || !existsSync(program))
    throw new Error('p11-kit is not on this machine. Install it: apt-get install p11-kit p11-kit-modules')
  const hsm = softHsm()
  const { pinFile } = hsm.token(label)
  const socket = join(hsm.folder, 'p11-kit.sock')
  process.env.P11_KIT_SERVER_ADDRESS = `unix:path=${socket}`
  let server: ChildProcess | undefined
  const start = async () => {
    rmSync(socket, { force: true })
    server = spawn(program, ['-f', '--provider', hsm.module, '-n', socket, `pkcs11:token=${label}`], { stdio: 'ignore', detached: true })
    // The socket is there a moment before anybody listens: its client takes that for a module without tokens.
    for (let waited = 0; !(await isListening(socket)); waited += 20) {
      if (waited > startLimit) throw new Error(`${program} does not listen within ${startLimit / 1000} s`)
      await sleep(20)
    }
  }
  const kill = async () => {
    if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    // The server serves each connection in a child, and all are one group.
    process.kill(-server.pid, 'SIGKILL')
    await ended
  }
  await start()
  const remove = async () => {
    await kill()
    hsm.remove()
  }
  return { module, pinFile, kill, start, remove }
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (listens: boolean) => {
      socket.destroy()
      resolve(listens)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** Milliseconds. */
const startLimit = 20_000
