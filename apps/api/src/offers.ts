import { originOf, type PaymentMethod } from '@antrean/domain';
import type { AcceptedOrder } from '@antrean/queue';
import type { LiveSettings } from './live-settings.ts';
import { Problem } from './problems.ts';

/** Why the storefront does not take this order, by its settings. */
export function notOffered(
  settings: Pick<LiveSettings, 'settingsOf' | 'isReturnOrigin'>,
  order: Pick<AcceptedOrder, 'storefrontId' | 'paymentMethod' | 'returnUrl'>,
): Problem | undefined {
  const { storefrontId, paymentMethod, returnUrl } = order;
  if (returnUrl !== undefined && !settings.isReturnOrigin(storefrontId, originOf(returnUrl))) {
    return new Problem(
      'return_url_not_allowed',
      `${originOf(returnUrl)} is no origin of this storefront. Register it: ./ops return-origins`,
      [{ path: 'returnUrl', message: 'its origin is not registered' }],
    );
  }
  return methodNotOffered(settings, storefrontId, paymentMethod, 'paymentMethod');
}

/** Undefined for a method that the storefront offers. `path` is the field that names the method. */
export function methodNotOffered(
  settings: Pick<LiveSettings, 'settingsOf'>,
  storefrontId: string,
  method: PaymentMethod,
  path: string,
): Problem | undefined {
  const { paymentMethods } = settings.settingsOf(storefrontId);
  if (paymentMethods.includes(method)) return undefined;
  return new Problem('payment_method_not_offered', `Choose one of: ${paymentMethods.join(', ')}.`, [
    { path, message: 'is not offered' },
  ]);
}
