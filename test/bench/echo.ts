import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { FrameReader } from '../../src/server/frames.ts'

/**
 * The floor that a server is measured against: a mutual-TLS port that reads whole messages and answers each with a fixed number of bytes.
 * `node echo.js CERT KEY CA ANSWER_BYTES`; prints its port.
 */
const [, , certificate, key, authority, bytes] = process.argv
if (certificate === undefined || key === undefined || authority === undefined) throw new Error('usage: echo.js CERT KEY CA ANSWER_BYTES')
const answer = randomBytes(Number(bytes ?? 256))
answer.writeUInt32BE(0x42007b01, 0)
answer.writeUInt32BE(answer.length - 8, 4)

const server = createServer(
  {
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ca: readFileSync(authority),
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  },
  (socket) => {
    const reader = new FrameReader(16 * 1024 * 1024)
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      while (reader.next() !== undefined) socket.write(answer)
    })
    socket.on('error', () => socket.destroy())
  },
)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' && address !== null ? address.port : 0)
})
