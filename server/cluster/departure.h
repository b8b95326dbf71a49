// SPDX-License-Identifier: Apache-2.0
// What becomes of a leader's clients when it leads no more, where no redirection tells them.
#pragma once

namespace henge::server {

class Node;

// Closes their connections, as Sentinel does: they ask anew who leads. Those who listen to the news
// of leaders stay. Any thread.
void SendClientsAway(Node& node);

}  // namespace henge::server
