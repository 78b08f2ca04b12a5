// Events are kept for an hour after they were last seen.
#pragma once

#include "controllers/plan.h"

namespace skiff::controllers {

Plan ReconcileEvent(const api::ObjectPtr& event, absl::Time now);

}  // namespace skiff::controllers
