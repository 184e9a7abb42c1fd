import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export interface EtcdBinary {
  readonly path: string
  /** As `etcd --version` says it: 3.4.23. */
  readonly version: string
}

/**
 * Finds the etcd program: at the configured path, or else on PATH and where packages put it.
 * @throws Error naming what was looked for and what to install.
 */
export async function findEtcd(configured?: string): Promise<EtcdBinary> {
  const candidates =
    configured === undefined
      ? [...(process.env.PATH ?? '').split(delimiter), ...packageFolders].map((folder) => join(folder, 'etcd'))
      : [configured]
  for (const path of candidates) {
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (executable) return { path, version: await versionOf(path) }
  }
  throw new Error(
    configured === undefined
      ? 'etcd was not found on PATH; a cluster needs it on each node: apt-get install etcd-server (Debian, Ubuntu), or name its path in cluster.etcd.path'
      : `cluster.etcd.path: ${configured} is not an executable file; correct the path, or install etcd: apt-get install etcd-server (Debian, Ubuntu)`,
  )
}

async function versionOf(path: string): Promise<string> {
  const output = await promisify(execFile)(path, ['--version'], { timeout: 10_000 }).then(({ stdout }) => stdout, String)
  const version = /etcd Version: (\d+)\.(\d+)(\.\d+\S*)?/.exec(output)
  if (version === null) throw new Error(`${path} --version did not answer as etcd does: ${output.slice(0, 200)}`)
  const [major, minor] = [Number(version[1]), Number(version[2])]
  if (major !== 3 || minor < 4) throw new Error(`${path} is etcd ${major}.${minor}; Tresor needs etcd 3.4 or later, before 4`)
  return `${version[1]}.${version[2]}${version[3] ?? ''}`
}

const packageFolders = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin']
