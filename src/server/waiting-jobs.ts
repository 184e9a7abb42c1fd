import { type Replica, tenantSpace, workSpace } from '../store/index.ts'
import type { TenantId } from '../tenants/index.ts'
import { jobFolder } from './job-record.ts'
import { contentOf, jobOfName } from './request-jobs.ts'
import { wrappedEpoch } from './wrapped-bytes.ts'

/** Whether a tenant has requests that are still to be carried out and lie wrapped under an earlier epoch than this one: it must not end yet. */
export function hasWaitingJobs(replica: Pick<Replica, 'list' | 'read'>, tenant: TenantId, epoch: number): boolean {
  for (const { id: name } of replica.list(workSpace, 'setting', `${jobFolder}${tenant}/`)) {
    const content = replica.read({ space: tenantSpace(tenant), kind: 'setting', id: contentOf(jobOfName(name).job) })
    if (content !== undefined && wrappedEpoch(content.value) < epoch) return true
  }
  return false
}
