// What a domain's XML says about its memory balloon. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace pugi {
class xml_node;
}

namespace flatvm::hypervisor {

struct BalloonFacts {
  bool present = false;          // there is a balloon device
  uint32_t report_period_s = 0;  // how often its driver is asked for statistics; 0: not at all
  std::string lack;              // PrimaryInfo::balloon_lack
};

// `domain` is the <domain> of XML as virDomainGetXMLDesc gives it, live or inactive. Not to be seen
// in a definition: a NIC of a network that hands out devices of the host (<forward
// mode='hostdev'>), which only the live XML shows.
BalloonFacts ReadBalloonFacts(const pugi::xml_node& domain);

}  // namespace flatvm::hypervisor
