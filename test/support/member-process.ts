import { findEtcd, startMember } from '../../src/cluster/index.ts'

/** A process that supervises one etcd member and tells its process id: `member-process.js FOLDER TLS-FOLDER PEER-PORT CLIENT-PORT`. */
const [folder, tls, peerPort, clientPort] = process.argv.slice(2)
const peerUrl = `https://127.0.0.1:${peerPort}`
const member = await startMember({
  binary: (await findEtcd()).path,
  name: 'only',
  dataDir: folder!,
  peerUrl,
  clientUrl: `https://127.0.0.1:${clientPort}`,
  initialCluster: { only: peerUrl },
  state: 'new',
  clusterToken: 'test',
  tls: { ca: `${tls}/ca.pem`, certificate: `${tls}/cert.pem`, privateKey: `${tls}/key.pem` },
})
while ((await member.problem()) !== undefined) await new Promise((resolve) => setTimeout(resolve, 50))
process.stdout.write(`${member.pid}\n`)
