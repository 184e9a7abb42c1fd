import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

/** A child process that says a word to its peers when it is told to, and tells what it hears: by UDP, or by TCP through relays. */
interface Setup {
  readonly protocol: 'udp' | 'tcp'
  readonly name: string
  readonly host: string
  readonly port: number
  readonly peers: readonly { readonly host: string; readonly port: number }[]
}

const callAgainMilliseconds = 20

const { protocol, name, host, port, peers } = JSON.parse(process.argv[2] ?? '') as Setup
const heard = (words: Buffer) => {
  for (const word of words.toString().split('\n')) if (word !== '') process.send?.({ heard: word })
}
const say = protocol === 'udp' ? byUdp() : byTcp()
process.on('message', (word) => say(`${name} ${word}\n`))
process.on('disconnect', () => process.exit())

function byUdp(): (word: string) => void {
  const socket = createSocket('udp4').on('message', heard)
  socket.bind(port, host, ready)
  return (word) => {
    for (const peer of peers) socket.send(word, peer.port, peer.host)
  }
}

/** Says where it listens as an etcd behind a relay does. */
function byTcp(): (word: string) => void {
  createServer((socket) => socket.on('data', heard)).listen(port, process.env.TRESOR_PROXIES_HOST, () => {
    writeFileSync(join(process.env.TRESOR_PROXIES ?? '', `${process.env.TRESOR_PROXIES_NODE}-${port}`), '')
    ready()
  })
  const lines = new Map<number, (word: string) => void>()
  return (word) => {
    for (const peer of peers) {
      const line = lines.get(peer.port) ?? lineTo(peer)
      lines.set(peer.port, line)
      line(word)
    }
  }
}

/** The relay in between begins a moment after the peer: who is too early calls again, and says then what was to be said. */
function lineTo(peer: Setup['peers'][number]): (word: string) => void {
  const waiting: string[] = []
  let open: Socket | undefined
  const call = () => {
    const socket = connect(peer.port, peer.host, () => {
      open = socket.setNoDelay(true)
      for (const word of waiting.splice(0)) socket.write(word)
    })
    socket.on('error', (error) => {
      if (open !== undefined) throw error
      setTimeout(call, callAgainMilliseconds)
    })
  }
  call()
  return (word) => {
    if (open === undefined) waiting.push(word)
    else open.write(word)
  }
}

function ready(): void {
  process.send?.({ ready: true })
}
