import { AuthView } from '../auth/auth-view.tsx';
import { CutoverView } from '../cutover/cutover-view.tsx';
import { EventView } from '../events/event-view.tsx';
import { CapacityView } from '../examination/capacity-view.tsx';
import { DoctorView } from '../examination/doctor-view.tsx';
import { WebhooksView } from '../webhooks/webhooks-view.tsx';

/** Views of what an operator does, and of the parts that are on only where they are set up. */
export const PART_VIEWS = [
  { path: 'events', title: 'Event creator', View: EventView },
  { path: 'webhooks', title: 'Webhooks', part: 'webhooks', View: WebhooksView },
  { path: 'auth', title: 'Auth decisions', part: 'auth', View: AuthView },
  { path: 'cutover', title: 'Cutover', part: 'cutover', View: CutoverView },
  { path: 'doctor', title: 'Doctor', part: 'examination', View: DoctorView },
  { path: 'capacity', title: 'Capacity', part: 'examination', View: CapacityView },
] as const;
