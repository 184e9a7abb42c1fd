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
  const sockets = new Map<number, Socket>()
  return (word) => {
    for (const peer of peers) {
      const socket = sockets.get(peer.port) ?? connect(peer.port, peer.host).setNoDelay(true)
      sockets.set(peer.port, socket)
      socket.write(word)
    }
  }
}

function ready(): void {
  process.send?.({ ready: true })
}
